/**
 * The C library's ptrace(2), waitpid(2) and syscall(2), which Node.js does not have, through koffi: a native module that is
 * an optional dependency, one package a platform (decision 023). Its calls are made on the thread of JavaScript, and so all
 * of them come from one task, as ptrace wants it.
 */
import { type Koffi, loadKoffi } from '../../../bytes/node-koffi.ts';

/** A call's result: what it returned, and errno, which counts when that is -1. */
export interface CallResult {
  readonly value: number;
  readonly errno: number;
}

export interface NativeCalls {
  ptrace(request: number, tid: number, address: number | bigint, data: number | bigint): CallResult;
  /** The status is at the start of the room. */
  waitpid(tid: number, options: number): CallResult;
  syscall(number: number, ...args: readonly (number | bigint)[]): CallResult;
  /** Memory that the calls read and write, and its address. */
  readonly room: DataView;
  readonly address: bigint;
}

/** An XSAVE area with AMX tiles has 11 KiB; the longest seccomp program (BPF_MAXINSNS) 32 KiB. */
const ROOM_BYTES = 64 * 1024;

let opened: NativeCalls | undefined;

/** The calls; throws what the loader says where koffi is not installed. */
export function openNativeCalls(name?: string): NativeCalls {
  opened ??= bind(loadKoffi(name));
  return opened;
}

function bind(koffi: Koffi): NativeCalls {
  const library = koffi.load(null);
  const ptrace = library.func('long ptrace(long request, int tid, uintptr_t address, uintptr_t data)');
  const waitpid = library.func('int waitpid(int tid, uintptr_t status, int options)');
  const syscall = library.func('long syscall(long number, uintptr_t a, uintptr_t b, uintptr_t c)');
  const pointer = koffi.alloc('uint8_t', ROOM_BYTES);
  const address = koffi.address(pointer);
  const result = (value: number): CallResult => ({ value, errno: value === -1 ? koffi.errno() : 0 });
  return {
    ptrace: (request, tid, at, data) => result(ptrace(request, tid, at, data)),
    waitpid: (tid, options) => result(waitpid(tid, address, options)),
    syscall: (number, a = 0, b = 0, c = 0) => result(syscall(number, a, b, c)),
    room: new DataView(koffi.view(pointer, ROOM_BYTES)),
    address,
  };
}
