/**
 * The bytes that fill up what lies behind a message: to 4 behind a segment of shared memory, to 8 behind a set of semaphores and
 * each queued message. CRIU leaves in them what its buffer held, such as the end of a longer message. crit has no place for
 * them; here they are the member `extra_padding` of an entry, one behind the other, where they are not all zeros.
 */
import type { ByteSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import type { ByteRange } from './byte-range.ts';
import type { JsonContext } from './encode-context.ts';
import { base64Bytes } from './encode-value.ts';
import type { Entry } from './image.ts';
import type { ExtraRule } from './image-kinds.ts';
import type { JsonObject } from './json-tree.ts';
import { readQueuedMessages } from './queued-messages.ts';

export const EXTRA_PADDING = 'extra_padding';

/** Of one entry: 7 bytes behind each message of a queue, of which an honest host has some thousands. */
const MAX_PADDING_BYTES = 1024 * 1024;

/** How many bytes are missing to a multiple. */
const missingTo = (multiple: number, length: number): number => (multiple - (length % multiple)) % multiple;

/** Undefined where there is none, or zeros. */
export async function readPadding(
  rule: ExtraRule<unknown>,
  { extra }: Entry,
  source: ByteSource,
): Promise<Uint8Array | undefined> {
  if (extra === undefined) return undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const range of paddingRanges(rule, extra, source)) {
    const part = await source.read(range.offset, Math.min(range.length, source.size - range.offset));
    length += part.length;
    if (length > MAX_PADDING_BYTES) return undefined;
    parts.push(part);
  }
  const bytes = concat(parts);
  return bytes.some((byte) => byte !== 0) ? bytes : undefined;
}

async function* paddingRanges(
  rule: ExtraRule<unknown>,
  extra: ByteRange,
  source: ByteSource,
): AsyncGenerator<ByteRange> {
  if (rule.kind === 'bytes') yield behind(extra, rule.paddedTo);
  if (rule.kind !== 'ipc-messages') return;
  for await (const { text } of readQueuedMessages(source, extra)) yield behind(text, MESSAGE_MULTIPLE);
}

const MESSAGE_MULTIPLE = 8;

const behind = ({ offset, length }: ByteRange, multiple: number): ByteRange => ({
  offset: offset + length,
  length: missingTo(multiple, length),
});

/** Fills up bytes that are encoded: with what an entry's `extra_padding` says, or zeros. */
export class Padding {
  readonly #given: Uint8Array | undefined;
  #used = 0;

  constructor(entry: JsonObject, context: JsonContext) {
    const node = entry.members.get(EXTRA_PADDING);
    this.#given = node && base64Bytes(node, context.inside(EXTRA_PADDING));
  }

  fill(bytes: Uint8Array, multiple = MESSAGE_MULTIPLE): Uint8Array {
    const missing = missingTo(multiple, bytes.length);
    if (missing === 0) return bytes;
    const padding = new Uint8Array(missing);
    padding.set(this.#given?.subarray(this.#used, this.#used + missing) ?? []);
    this.#used += missing;
    return concat([bytes, padding]);
  }

  /** Fails where there is more or less of it than bytes to fill. */
  finish(entry: JsonObject, context: JsonContext): void {
    const node = entry.members.get(EXTRA_PADDING);
    if (node === undefined || this.#given === undefined || this.#given.length === this.#used) return;
    context
      .inside(EXTRA_PADDING)
      .fail(node, `has ${this.#given.length} bytes where ${this.#used} are to be filled`);
  }
}
