import type { Hidden, UnreadableMemory } from '../../archive/capture-record.ts';
import type { BackingOrigin } from '../../checkpoint/backing-files.ts';
import type { ElfCore } from '../../export/elf-core/elf-core.ts';
import type { AbsentOrigin } from '../../export/elf-core/segments.ts';
import { escapeText } from '../terminal/escape.ts';
import { formatBytes, formatCount } from '../terminal/format.ts';
import { NOT_RESTORABLE, paragraph, renderUnreadable } from './capture-limits.ts';

/** A core file and where it went. */
export interface WrittenElfCore extends ElfCore {
  readonly output: string;
  /** Of what was captured without CRIU: what such a capture cannot show, and memory that is zeros because it could not be read. */
  readonly hidden?: readonly Hidden[];
  readonly unreadable?: readonly UnreadableMemory[];
}

/** What a debugger does not find in the file, for its user. */
const ABSENT: Readonly<Record<AbsentOrigin, string>> = {
  file: 'of unchanged pages of mapped files, which gdb takes from the files (set sysroot)',
  lazy: 'left on the source machine (lazy pages)',
  parent: 'in the parent checkpoint',
  kernel: "of the kernel's own pages, which no archive has",
  missing: 'lost with the damaged or missing part of the archive',
};

const FILLED: Readonly<Record<BackingOrigin, string>> = {
  archive: 'that the archive has',
  rootfs: 'of the root filesystem',
};

/** What was written, and a line for each kind of memory that was filled in or is not in it. */
export function renderElfCore(core: WrittenElfCore): string {
  const threads = formatCount(core.threads, 'thread');
  const title = `${core.output}: process ${core.pid} ${core.comm}, ${core.machine}, ${threads}`;
  const absent = (Object.keys(ABSENT) as AbsentOrigin[]).flatMap((origin) => {
    const bytes = core.absent[origin];
    return bytes === undefined ? [] : [`  not in it: ${formatBytes(bytes)} ${ABSENT[origin]}\n`];
  });
  const lines = [...filledLines(core), ...absent].join('');
  return `${escapeText(title)}, ${formatBytes(core.present)} of memory\n${lines}${limitLines(core)}`;
}

function limitLines({ pid, hidden, unreadable }: WrittenElfCore): string {
  if (!hidden || !unreadable) return '';
  const view = { width: Number.POSITIVE_INFINITY, color: false };
  const told = [NOT_RESTORABLE, ...hidden.map(({ text }) => text)];
  return (
    paragraph(told, view) +
    renderUnreadable({ unreadable }, pid, view) +
    renderUnreadable({ unreadable }, undefined, view)
  );
}

function filledLines({ filled }: WrittenElfCore): readonly string[] {
  return (Object.keys(FILLED) as BackingOrigin[]).flatMap((origin) => {
    const files = filled.filter((file) => file.origin === origin);
    const bytes = formatBytes(files.reduce((sum, file) => sum + file.bytes, 0));
    const count = formatCount(files.length, 'file');
    return files.length === 0
      ? []
      : [`  filled in: ${bytes} of unchanged pages of ${count} ${FILLED[origin]}\n`];
  });
}
