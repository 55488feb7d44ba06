/**
 * Lines as `hexdump -C` writes them: address, sixteen bytes in two groups of eight, and the bytes as ASCII. Unlike
 * hexdump it never folds rows into `*`: in evidence each row that was read is shown.
 */
const BYTES_PER_LINE = 16;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const ASCII: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
);

export interface HexDumpOptions {
  /** Least number of hexadecimal digits of an address. Default 8; 16 keeps 64-bit addresses aligned. */
  readonly addressDigits?: number;
}

/**
 * The dump of `bytes`, which lie at `start`, one line each sixteen bytes, without line feeds. Everything in it is
 * printable ASCII, so it is safe on a terminal.
 */
export function hexDump(bytes: Uint8Array, start: bigint, options: HexDumpOptions = {}): string[] {
  const digits = options.addressDigits ?? 8;
  const lines: string[] = [];
  // Plain numbers for what changes from line to line: bigint for each would halve the speed.
  let high = start & ~0xffff_ffffn;
  let low = Number(start & 0xffff_ffffn);
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    lines.push(`${formatAddress(high, low, digits)}  ${hexDumpRow(bytes, at)}`);
    low += BYTES_PER_LINE;
    if (low > 0xffff_ffff) {
      low -= 0x1_0000_0000;
      high = BigInt.asUintN(64, high + 0x1_0000_0000n);
    }
  }
  return lines;
}

function formatAddress(high: bigint, low: number, digits: number): string {
  const text =
    high === 0n ? low.toString(16) : (high / 0x1_0000_0000n).toString(16) + low.toString(16).padStart(8, '0');
  return text.padStart(digits, '0');
}

function hexDumpRow(bytes: Uint8Array, at: number): string {
  let hex = '';
  let text = '';
  for (let column = 0; column < BYTES_PER_LINE; column++) {
    const byte = bytes[at + column];
    hex += column === 8 ? '  ' : column === 0 ? '' : ' ';
    hex += byte === undefined ? '  ' : HEX[byte];
    if (byte !== undefined) text += ASCII[byte];
  }
  return `${hex}  |${text}|`;
}
