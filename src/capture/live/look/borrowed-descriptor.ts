/**
 * Asks about an open file of another process what only its holders are told: pidfd_getfd(2) makes the asker one of them for
 * the time of the questions. The process does not run for it and sees nothing of it. Source: pidfd_getfd(2), Linux 5.6.
 */
import { closeSync } from 'node:fs';
import type { CLibrary } from './c-library.ts';

/** Undefined where the descriptor cannot be had: an older kernel, without rights, or the process has ended. */
export type BorrowDescriptor = <T>(pid: number, fd: number, ask: (own: number) => T) => T | undefined;

/** The same on every architecture (asm-generic/unistd.h). */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

export interface Borrower {
  readonly borrow: BorrowDescriptor;
  /** To be called when all is asked. */
  close(): void;
}

/** Undefined where the kernel has no such call. */
export function openBorrower(library: CLibrary): Borrower | undefined {
  const syscall = library.function('intptr_t syscall(intptr_t, int, int, int)');
  const processes = new Map<number, number>();
  const processOf = (pid: number): number => {
    const known = processes.get(pid) ?? Number(syscall(PIDFD_OPEN, pid, 0, 0));
    processes.set(pid, known);
    return known;
  };
  const itself = processOf(process.pid);
  const copy = itself < 0 ? -1 : Number(syscall(PIDFD_GETFD, itself, itself, 0));
  if (copy < 0) return undefined;
  closeSync(copy);
  return {
    borrow: (pid, fd, ask) => {
      const holder = processOf(pid);
      const own = holder < 0 ? -1 : Number(syscall(PIDFD_GETFD, holder, fd, 0));
      if (own < 0) return undefined;
      try {
        return ask(own);
      } finally {
        closeSync(own);
      }
    },
    close: () => {
      for (const holder of processes.values()) if (holder >= 0) closeSync(holder);
      processes.clear();
    },
  };
}
