/** Internet addresses as text and back: RFC 5952 for IPv6, with mapped IPv4 addresses as `::ffff:192.0.2.1`. */

/** Four bytes in network order. */
export function formatIpv4(bytes: readonly number[]): string {
  return bytes.slice(0, 4).join('.');
}

/** Sixteen bytes in network order. */
export function formatIpv6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatIpv4(bytes.slice(12))}`;
  }
  const words = groups.map((group) => group.toString(16));
  const [start, length] = longestZeros(groups);
  if (length < 2) return words.join(':');
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`;
}

/** 32-bit words of an address in network order, loaded little-endian; undefined when they are neither one nor four. */
export function formatAddressWords(words: readonly number[]): string | undefined {
  if (words.length !== 1 && words.length !== 4) return undefined;
  const bytes = words.flatMap((word) => [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]);
  return bytes.length === 4 ? formatIpv4(bytes) : formatIpv6(bytes);
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly number[]): readonly [start: number, length: number] {
  let best: readonly [number, number] = [0, 0];
  let run = 0;
  for (const [at, group] of groups.entries()) {
    run = group === 0 ? run + 1 : 0;
    if (run > best[1]) best = [at - run + 1, run];
  }
  return best;
}

/** The bytes of an address in network order, 4 or 16; undefined for what is none. Zones and leading zeros are none. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const halves = text.split('::');
  // An IPv4 address can only be the end.
  if (halves.length > 2 || (halves.length === 2 && halves[0]?.includes('.'))) return undefined;
  const [before, after] = halves.map((half) => (half === '' ? [] : half.split(':').flatMap(groupBytes)));
  if (before === undefined || [...before, ...(after ?? [])].includes(NO_GROUP)) return undefined;
  if (after === undefined) return before.length === 16 ? Uint8Array.from(before) : undefined;
  const gap = 16 - before.length - after.length;
  return gap < 2 ? undefined : Uint8Array.from([...before, ...Array<number>(gap).fill(0), ...after]);
}

/** Stands for a group that is not one. */
const NO_GROUP = -1;

/** The two bytes of a group, or the four of an IPv4 address at the end. */
function groupBytes(group: string, index: number, groups: readonly string[]): readonly number[] {
  if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
    const value = Number.parseInt(group, 16);
    return [value >>> 8, value & 255];
  }
  const ipv4 = index === groups.length - 1 ? parseIpv4(group) : undefined;
  return ipv4 === undefined ? [NO_GROUP] : [...ipv4];
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  const isAddress = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part));
  const numbers = parts.map(Number);
  return isAddress && numbers.every((part) => part < 256) ? Uint8Array.from(numbers) : undefined;
}
