/** Runs a machine of another kernel, and perhaps another processor, without any help of this one's: each instruction is emulated. */
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Architecture } from '../../scripts/image/oci-layout.ts';
import { cached } from '../cache.ts';
import { installProgram } from '../debian.ts';
import { output, run } from '../process.ts';
import type { Progress } from '../progress.ts';
import { EMULATIONS } from './architecture.ts';
import type { Report } from './guest/report.ts';
import { guestImage } from './guest-image.ts';
import { guestSystem, kernelOf } from './guest-system.ts';

/** For what the machine leaves: archives of small programs. */
const DISK_BYTES = 512 * 1024 ** 2;
/** A machine that hangs is killed then, also when who started it is gone. */
const LONGEST_SECONDS = 45 * 60;
const MEMORY = '2G';
/** Kept of the console for a message. */
const CONSOLE_TAIL = 4000;

export interface MachineResult {
  readonly report: Report;
  /** What the machine left. */
  readonly folder: string;
  readonly console: string;
  /** Until it was switched off. */
  readonly seconds: number;
  remove(): void;
}

/** Boots a machine and waits until it has done its work. Its emulator ends with the result, or at the deadline. */
export async function runMachine(architecture: Architecture, progress: Progress): Promise<MachineResult> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'exhibit-machine-'));
  const remove = () => rmSync(scratch, { recursive: true, force: true });
  try {
    const system = await cached(guestSystem(architecture), progress);
    const { image: kernel, modules } = kernelOf(system);
    const initramfs = await progress.step(`making a machine for ${architecture}`, () =>
      guestImage({ architecture, system, modules, scratch }),
    );
    const from = performance.now();
    const { disk, console } = await progress.step(`running a machine for ${architecture}`, () =>
      emulate({ architecture, kernel, initramfs, scratch }),
    );
    const folder = path.join(scratch, 'out');
    const report = await unpack(disk, folder).catch((error) => {
      throw new Error(`the machine did not come to its end: ${error}\n${console.slice(-CONSOLE_TAIL)}`);
    });
    return { report, folder, console, seconds: (performance.now() - from) / 1000, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

async function unpack(disk: string, folder: string): Promise<Report> {
  mkdirSync(folder);
  await output(['tar', '-xf', disk, '-C', folder]);
  return JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8'));
}

interface Emulated {
  readonly architecture: Architecture;
  readonly kernel: string;
  readonly initramfs: string;
  readonly scratch: string;
}

async function emulate({ architecture, kernel, initramfs, scratch }: Emulated) {
  const { emulator, emulatorPackage, board, console: line } = EMULATIONS[architecture];
  await installProgram(emulator, [emulatorPackage]);
  const disk = path.join(scratch, 'disk');
  closeSync(openSync(disk, 'w'));
  truncateSync(disk, DISK_BYTES);
  const log = path.join(scratch, 'console');
  await run([
    ...['timeout', '--foreground', '--signal=KILL', `${LONGEST_SECONDS}`],
    emulator,
    ...board,
    ...['-accel', 'tcg', '-smp', '2', '-m', MEMORY, '-nodefaults', '-no-reboot', '-display', 'none'],
    ...['-serial', `file:${log}`, '-drive', `file=${disk},format=raw,if=none,id=disk`],
    ...['-device', 'virtio-blk-pci,drive=disk', '-kernel', kernel, '-initrd', initramfs],
    ...['-append', `console=${line} quiet panic=-1 cgroup_no_v1=all rdinit=/init`],
  ]);
  return { disk, console: readFileSync(log, 'utf8') };
}
