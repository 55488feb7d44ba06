/**
 * The notes about a whole process. Layouts are those of 64-bit Linux, the same on x86-64 and aarch64.
 * Facts: Linux, include/linux/elfcore.h (elf_prpsinfo), include/uapi/linux/elfcore.h (elf_siginfo),
 * fs/binfmt_elf.c (fill_psinfo, fill_auxv_note), fs/proc/array.c and include/linux/sched.h (states).
 */
import type { Process, TaskState } from '../../checkpoint/checkpoint.ts';
import { type ElfNote, NoteType } from './elf-note.ts';
import { consecutive, placeText, structure } from './elf-structure.ts';

const PRPSINFO_SIZE = 136;
const NAME = { offset: 40, size: 16 } as const;
const ARGUMENTS = { offset: 56, size: 80 } as const;

/** pr_state and the letter for it, of `RSDTZW`. A checkpoint does not tell running from sleeping. */
const STATES: Partial<Record<TaskState, readonly [number, string]>> = {
  alive: [0, 'R'],
  stopped: [3, 'T'],
  dead: [4, 'Z'],
};

/** NT_PRPSINFO: who the process was, and the beginning of its command line. */
export async function prpsinfo(process: Process): Promise<ElfNote> {
  const [state, letter] = STATES[process.state] ?? [0, 'R'];
  const { pid, parentPid, processGroup, session, credentials } = process;
  const nice = process.threads.find(({ tid }) => tid === pid)?.nice ?? 0;
  const descriptor = structure(PRPSINFO_SIZE, [
    ...consecutive(0, 1, [state, letter.charCodeAt(0), process.state === 'dead' ? 1 : 0]),
    { offset: 3, size: 1, value: BigInt.asUintN(8, BigInt(nice)) },
    ...consecutive(16, 4, [credentials?.uid ?? 0, credentials?.gid ?? 0]),
    ...consecutive(24, 4, [pid, parentPid, processGroup, session]),
  ]);
  placeText(descriptor, process.comm, NAME.offset, NAME.size);
  const commandLine = ((await process.commandLine()) ?? []).join(' ');
  placeText(descriptor, commandLine.slice(0, ARGUMENTS.size), ARGUMENTS.offset, ARGUMENTS.size);
  return { owner: 'CORE', type: NoteType.prpsinfo, descriptor };
}

const SIGINFO_SIZE = 128;

/** NT_SIGINFO of a process that no signal ended. */
export const siginfo = (): ElfNote => ({
  owner: 'CORE',
  type: NoteType.siginfo,
  descriptor: structure(SIGINFO_SIZE, []),
});

/** NT_AUXV: where a debugger finds the entry point, the dynamic linker and the vDSO. */
export function auxv({ auxiliaryVector }: Process): ElfNote {
  const words = auxiliaryVector.slice(0, MAX_AUXV_WORDS);
  const descriptor = structure(words.length * 8, consecutive(0, 8, words));
  return { owner: 'CORE', type: NoteType.auxv, descriptor };
}

/** Linux tells some 30 pairs; mm_saved_auxv of the kernel has room for fewer than 64. */
const MAX_AUXV_WORDS = 128;
