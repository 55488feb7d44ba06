import { parseByteSize } from '../bytes/byte-size.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';

/** Half-open. */
export interface MemoryRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** Addresses have 64 bits. */
const ADDRESS_LIMIT = 1n << 64n;
const ADDRESS = /^(?:0x)?([\da-f]{1,16})$/i;

/**
 * A range as people type it: `START-END` as in /proc/PID/maps, or `ADDRESS+LENGTH`; without either, `defaultLength` bytes
 * where that is given. Addresses are hexadecimal with or without 0x; a length is a number of bytes, `0x200` or `64K`.
 * Throws `BAD_RANGE`.
 */
export function parseMemoryRange(text: string, defaultLength?: number): MemoryRange {
  const [first = '', separator, second = '', ...more] = text.split(/([-+])/);
  const start = parseAddress(first);
  const end =
    separator === '-'
      ? parseAddress(second)
      : endOf(start, separator === '+' ? parseLength(second) : defaultLength);
  if (start === undefined || end === undefined || end <= start || more.length > 0) {
    const forms = defaultLength === undefined ? 'START-END or START+LENGTH' : 'ADDRESS or ADDRESS+LENGTH';
    throw new ExhibitError(
      'BAD_RANGE',
      `${text} is no range of memory: it is ${forms}, as in 0x7f0000001000+256`,
    );
  }
  return { start, end };
}

/** Undefined for what is no hexadecimal number of 64 bits. */
function parseAddress(text: string): bigint | undefined {
  const [, digits] = ADDRESS.exec(text) ?? [];
  return digits === undefined ? undefined : BigInt(`0x${digits}`);
}

function parseLength(text: string): number | undefined {
  return /^0x[\da-f]{1,13}$/i.test(text) ? Number(text) : parseByteSize(text);
}

/** The last range of the address space may be asked for longer than there are addresses. */
function endOf(start: bigint | undefined, length: number | undefined): bigint | undefined {
  if (start === undefined || length === undefined) return undefined;
  const end = start + BigInt(length);
  return end > ADDRESS_LIMIT ? ADDRESS_LIMIT : end;
}
