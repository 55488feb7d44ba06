/**
 * koffi, a foreign function interface: calls of the C library that Node.js does not have. It is an optional dependency, one package
 * a platform, loaded by captures of our own (decisions 021, 023 and 025) and for zstd archives (decision 017) only. A call is made on
 * the thread of JavaScript and blocks it, or on one of libuv's.
 */
import { createRequire } from 'node:module';

type Argument = number | bigint | string | Uint8Array | BigUint64Array;

/** A function of C. */
export interface NativeFunction {
  (...args: readonly Argument[]): number;
  /** The same on a thread of libuv's: the last argument hears of its end. errno is lost. */
  async(...args: readonly (Argument | NativeListener)[]): void;
}

type NativeListener = (error: Error | null, value: number) => void;

/** What is used of koffi. */
export interface Koffi {
  /** A library by its name; null: those of the program itself, the C library among them. Throws what the loader says. */
  load(library: string | null): { func(prototype: string): NativeFunction };
  alloc(type: string, count: number): unknown;
  /** Of what `alloc` gave, or of a buffer's first byte. */
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
