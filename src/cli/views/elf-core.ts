import type { ElfCore } from '../../export/elf-core/elf-core.ts';
import type { AbsentOrigin } from '../../export/elf-core/segments.ts';
import { escapeText } from '../terminal/escape.ts';
import { formatBytes, formatCount } from '../terminal/format.ts';

/** A core file and where it went. */
export interface WrittenElfCore extends ElfCore {
  readonly output: string;
}

/** What a debugger does not find in the file, for its user. */
const ABSENT: Readonly<Record<AbsentOrigin, string>> = {
  file: 'of unchanged pages of mapped files, which gdb takes from the files (set sysroot)',
  lazy: 'left on the source machine (lazy pages)',
  parent: 'in the parent checkpoint',
  kernel: "of the kernel's own pages, which no archive has",
  missing: 'lost with the damaged or missing part of the archive',
};

/** What was written, and a line for each kind of memory that is not in it. */
export function renderElfCore(core: WrittenElfCore): string {
  const threads = formatCount(core.threads, 'thread');
  const title = `${core.output}: process ${core.pid} ${core.comm}, ${core.machine}, ${threads}`;
  const absent = (Object.keys(ABSENT) as AbsentOrigin[]).flatMap((origin) => {
    const bytes = core.absent[origin];
    return bytes === undefined ? [] : [`  not in it: ${formatBytes(bytes)} ${ABSENT[origin]}\n`];
  });
  return `${escapeText(title)}, ${formatBytes(core.present)} of memory\n${absent.join('')}`;
}
