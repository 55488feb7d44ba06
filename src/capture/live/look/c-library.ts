/**
 * Functions of the C library that Node has no call for, through koffi, an optional dependency (decision 025). All of them are
 * called on the main thread, and none waits for anything.
 */
import { loadKoffi } from '../../../bytes/node-koffi.ts';

export interface CLibrary {
  /** A function by its declaration in C. */
  function(declaration: string): (...values: readonly (number | string | Uint8Array)[]) => number | bigint;
  /** Of the call before. */
  errno(): number;
}

/** Undefined where koffi is not installed for this machine. */
export function loadCLibrary(): CLibrary | undefined {
  try {
    const koffi = loadKoffi();
    const library = koffi.load(null);
    return { function: (declaration) => library.func(declaration), errno: () => koffi.errno() };
  } catch {
    return undefined;
  }
}
