const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** A number of bytes as people type it: `1000`, `64K`, `500G`, `1TiB`; units of 1024. Undefined for what is none. */
export function parseByteSize(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,15})([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const size = Number(digits) * (UNITS[unit?.toUpperCase() ?? ''] ?? 1);
  return Number.isSafeInteger(size) ? size : undefined;
}
