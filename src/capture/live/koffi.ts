/**
 * koffi, a foreign function interface: calls of the C library that Node.js does not have. It is an optional dependency, one package
 * a platform, loaded by captures of our own only (decisions 023 and 025). Calls are made on the thread of JavaScript, and block it.
 */
import { createRequire } from 'node:module';

type Argument = number | bigint | string | Uint8Array;

/** What is used of koffi. */
export interface Koffi {
  /** The program's own libraries, the C library among them. */
  load(library: null): { func(prototype: string): (...args: readonly Argument[]) => number };
  alloc(type: string, count: number): unknown;
  address(pointer: unknown): bigint;
  view(pointer: unknown, length: number): ArrayBuffer;
  errno(): number;
}

const PACKAGES: Readonly<Record<string, string>> = {
  x64: '@koromix/koffi-linux-x64',
  arm64: '@koromix/koffi-linux-arm64',
};

/** Throws what the loader says where the package is not installed. */
export function loadKoffi(name = PACKAGES[process.arch]): Koffi {
  return createRequire(import.meta.url)(name ?? 'koffi') as Koffi;
}
