import { hexRows } from '../../analysis/hex-rows.ts';
import type { FoundBytes, HitLocation, SearchHit } from '../../analysis/memory-search.ts';
import { type Line, renderLine, styled } from '../terminal/line.ts';

export interface HitStyle {
  readonly color: boolean;
  /** The bytes as a hex dump instead of as text. */
  readonly hex: boolean;
}

/** A match may have 64 KiB; a person is shown its beginning and told how to see all. */
const MAX_SHOWN_TEXT = 2_000;

/** Strings are shown as they come, so the widths of all are not known: most PIDs, and the 47 bits of user space, fit. */
const PID_WIDTH = 5;
const ADDRESS_WIDTH = 14;

/** Two lines, or a line and a dump: where it is, and what stands there. */
export function renderHit(hit: SearchHit, style: HitStyle): string {
  const where = renderLine(describePlace(hit), style.color);
  const what = style.hex ? dumpOf(hit) : `    ${renderLine(describeText(hit), style.color)}\n`;
  return `${where}\n${what}`;
}

/** One line: process, address, and the whole string. */
export function renderString(
  { pid, address, text, encoding, locations }: FoundBytes,
  color: boolean,
): string {
  const place = `${String(pid).padStart(PID_WIDTH)}  ${address.padStart(ADDRESS_WIDTH)}  `;
  const encoded = encoding === 'utf-16le' ? [styled('UTF-16LE ', 'structure')] : [];
  const filled = locations.some((location) => location.filled) ? [styled('rootfs ', 'structure')] : [];
  return `${renderLine([styled(place, 'structure'), ...filled, ...encoded, text], color)}\n`;
}

function describePlace(hit: SearchHit): Line {
  const { pid, comm, address, region, locations, encoding } = hit;
  const name = region === undefined ? '' : `  ${region.permissions} ${region.name || region.kind}`;
  const shared = hit.shared_with.map((other) => `  also ${other.pid} (${other.comm}) ${other.address}`);
  const encoded = encoding === 'utf-16le' ? '  as UTF-16LE' : '';
  return [
    styled(`${pid} (${comm})`, 'name'),
    `  ${address}${name}  `,
    styled(locations.map(describeLocation).join(', '), 'structure'),
    encoded,
    ...shared,
  ];
}

export function describeLocation({
  entry,
  offset,
  archive_offset: archiveOffset,
  filled,
}: HitLocation): string {
  const absolute = archiveOffset === undefined ? '' : ` (archive byte ${archiveOffset})`;
  return `${entry}+0x${offset.toString(16)}${absolute}${filled ? ' (not in the archive)' : ''}`;
}

function describeText({ text, length, context }: SearchHit): Line {
  const shown =
    text.length <= MAX_SHOWN_TEXT
      ? text
      : `${text.slice(0, MAX_SHOWN_TEXT)}… (${length} bytes; --json shows all)`;
  if (context === undefined) return [styled(shown, 'odd')];
  return [context.before, styled(shown, 'odd'), context.after];
}

function dumpOf({ address, hex, context }: SearchHit): string {
  const before = context?.before_hex ?? '';
  const bytes = fromHex(before + hex + (context?.after_hex ?? ''));
  return new TextDecoder().decode(hexRows(bytes, BigInt(address) - BigInt(before.length / 2)));
}

const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
