/** Terminals: an entry for each open end, and tty-info.img with what is known of the terminals themselves. */
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { MessageOf } from '../../../criu/schema.ts';
import type { FileEntry } from '../../../criu/schemas/files.ts';
import type { ttyInfoEntry } from '../../../criu/schemas/terminals.ts';
import { type LiveImage, listImageIfAny } from '../live-image.ts';
import type { GatheredDescriptor, GatheredProcess, GatheredStat } from '../look/gathered.ts';
import { type DescriptorInfo, lineValue, wholeNumber } from '../proc/descriptor-info.ts';
import { type DeviceNumber, deviceNumber, kernelDevice } from '../proc/device-number.ts';
import { parseStatus, statusNumbers } from '../proc/status.ts';
import { type FileBook, UNKNOWN_OWNER } from './file-book.ts';
import { isCharacterDevice, namedEntry } from './named-file.ts';

/** Majors of Documentation/admin-guide/devices.txt. */
const UNIX98_SLAVES = 136;
const UNIX98_MAJORS = 8;
const ALTERNATE_TERMINALS = 5;
const VIRTUAL_TERMINALS = 4;
/** Minors of major 5, and of major 4 from where on serial lines are. */
const CURRENT_TERMINAL = 0;
const CONSOLE = 1;
const MULTIPLEXER = 2;
const FIRST_SERIAL = 64;

type TerminalInfo = MessageOf<typeof ttyInfoEntry>;

/** tty-info.img as it grows. */
export class Terminals {
  readonly #book: FileBook;
  readonly #processes: readonly GatheredProcess[];
  readonly #depth: number;
  readonly #infos = new Map<number, TerminalInfo>();

  /** `depth`: how many PID namespaces lie between the node's and the container's, both counted. */
  constructor(book: FileBook, processes: readonly GatheredProcess[], depth: number) {
    this.#book = book;
    this.#processes = processes;
    this.#depth = depth;
  }

  /** Undefined for what is no terminal. */
  entryOf(
    descriptor: GatheredDescriptor,
    info: DescriptorInfo,
  ): ((id: number) => Omit<FileEntry, 'id'>) | undefined {
    const { stat } = descriptor;
    if (stat === undefined || !isCharacterDevice(stat)) return undefined;
    const device = deviceNumber(stat.rdev);
    const type = typeOf(device);
    if (type === undefined) return undefined;
    const infoId = this.#remember(type, device, stat, info);
    return (id) => {
      const { id: file } = this.#book.add((other) => namedEntry(other, descriptor, info));
      const tty = { id, tty_info_id: infoId, flags: info.flags, fown: UNKNOWN_OWNER, regf_id: file };
      return { type: 'TTY', tty };
    };
  }

  #remember(
    type: TerminalInfo['type'],
    device: DeviceNumber,
    stat: GatheredStat,
    info: DescriptorInfo,
  ): number {
    const isMaster = device.major === ALTERNATE_TERMINALS && device.minor === MULTIPLEXER;
    const index = isMaster ? Number(wholeNumber(lineValue(info.lines, 'tty-index:'))) : indexOf(device);
    // The two ends of a pseudo-terminal are numbered side by side, as by CRIU.
    const id = index * 2 + (isMaster ? 1 : 0);
    if (this.#infos.has(id)) return id;
    this.#infos.set(id, {
      id,
      type,
      locked: false,
      exclusive: false,
      packet_mode: false,
      ...this.#sessionOf(stat.rdev),
      rdev: Number(BigInt.asUintN(32, stat.rdev)),
      pty: type === 'PTY' ? { index } : undefined,
      dev: kernelDevice(deviceNumber(stat.dev)),
      uid: stat.uid,
      gid: stat.gid,
    });
    return id;
  }

  /** The session that the terminal controls and its foreground process group, as the container counts; 0 for none. */
  #sessionOf(rdev: bigint): { readonly sid: number; readonly pgrp: number } {
    const member = this.#processes.find((process) => BigInt(statField(process, TTY_NR)) === rdev);
    if (member === undefined) return { sid: 0, pgrp: 0 };
    const foreground = statField(member, FOREGROUND);
    const leader = this.#processes.find((process) => statField(process, GROUP) === foreground);
    return { sid: this.#number(member, 'NSsid'), pgrp: leader ? this.#number(leader, 'NSpgid') : 0 };
  }

  #number({ files }: GatheredProcess, name: string): number {
    return statusNumbers(parseStatus(files.status), name)[this.#depth - 1] ?? 0;
  }

  images(): readonly LiveImage[] {
    return listImageIfAny('tty-info.img', imageKinds.ttyInfo, [...this.#infos.values()]);
  }
}

/** Fields of /proc/PID/stat (proc_pid_stat(5)), counted behind the name, which may have blanks and brackets. */
const GROUP = 2;
const TTY_NR = 4;
const FOREGROUND = 5;

function statField({ files }: GatheredProcess, index: number): number {
  const rest = files.stat?.slice(files.stat.lastIndexOf(')') + 2) ?? '';
  return Math.max(0, Number(rest.split(' ', index + 1)[index] ?? 0)) || 0;
}

function typeOf({ major, minor }: DeviceNumber): TerminalInfo['type'] | undefined {
  if (major >= UNIX98_SLAVES && major < UNIX98_SLAVES + UNIX98_MAJORS) return 'PTY';
  if (major === VIRTUAL_TERMINALS) return minor < FIRST_SERIAL ? 'VT' : 'SERIAL';
  if (major !== ALTERNATE_TERMINALS) return undefined;
  if (minor === CURRENT_TERMINAL) return 'CTTY';
  if (minor === CONSOLE) return 'CONSOLE';
  return minor === MULTIPLEXER ? 'PTY' : 'SERIAL';
}

/** Each of the eight majors has 2^20 minors, but the kernel gives all numbers to the first one (NR_UNIX98_PTY_MAX). */
const indexOf = ({ major, minor }: DeviceNumber): number =>
  major >= UNIX98_SLAVES ? (major - UNIX98_SLAVES) * 2 ** 20 + minor : minor;
