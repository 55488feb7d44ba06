/** Finds the bytes that follow a message without reading them; see `ExtraRule` for the layouts. */
import type { ByteRange } from './byte-range.ts';
import type { ExtraRule } from './image-kinds.ts';
import type { ReadWindow } from './read-window.ts';
import { ipcMsg } from './schemas/ipc.ts';
import { decodeMessage } from './wire.ts';
import { wordAt } from './wire-cursor.ts';

/** Longest ipc_msg: two varints and their tags, with room for fields of newer versions. */
const MAX_IPC_MESSAGE = 4096;

export interface LocatedExtra {
  /** Undefined where nothing follows the message. */
  readonly extra: ByteRange | undefined;
  /** Where the next entry begins. */
  readonly next: number;
  readonly problem?: string | undefined;
}

/** Applies a rule to a message that ends at `end`. */
export async function locateExtra<T>(
  rule: ExtraRule<T>,
  message: T,
  end: number,
  window: ReadWindow,
): Promise<LocatedExtra> {
  switch (rule.kind) {
    case 'none':
      return { extra: undefined, next: end };
    case 'rest':
      if (!rule.applies(message)) return { extra: undefined, next: end };
      return { extra: { offset: end, length: window.source.size - end }, next: window.source.size };
    case 'bytes': {
      const parts = rule.parts(message);
      if (parts === undefined) return { extra: undefined, next: end };
      return locateBytes(
        parts.reduce<bigint>((sum, part) => sum + BigInt(part), 0n),
        rule.paddedTo,
        end,
        window.source.size,
      );
    }
    case 'ipc-messages':
      return locateIpcMessages(rule.count(message), end, window);
  }
}

/** Lengths are 64 bits of a hostile image, so they stay bigint until they are known to fit. */
function locateBytes(length: bigint, paddedTo: number, offset: number, size: number): LocatedExtra {
  const available = size - offset;
  if (length > BigInt(available)) {
    const problem = `promises ${length} bytes behind an entry but only ${available} are there`;
    return { extra: { offset, length: available }, next: size, problem };
  }
  const known = Number(length);
  const next = Math.min(size, offset + Math.ceil(known / paddedTo) * paddedTo);
  return { extra: { offset, length: known }, next };
}

async function locateIpcMessages(count: number, offset: number, window: ReadWindow): Promise<LocatedExtra> {
  const { size } = window.source;
  let at = offset;
  for (let index = 0; index < count; index++) {
    const next = await skipIpcMessage(at, window);
    if (next === undefined) {
      const problem = `promises ${count} messages of a queue but only ${index} are there`;
      return { extra: { offset, length: size - offset }, next: size, problem };
    }
    at = next;
  }
  return { extra: { offset, length: at - offset }, next: at };
}

async function skipIpcMessage(at: number, window: ReadWindow): Promise<number | undefined> {
  const head = window.at(at, 4) ?? (await window.fill(at, 4));
  if (head.length < 4) return undefined;
  const length = wordAt(head, 0);
  if (length > MAX_IPC_MESSAGE) return undefined;
  const bytes = window.at(at + 4, length) ?? (await window.fill(at + 4, length));
  if (bytes.length < length) return undefined;
  const { message } = decodeMessage(ipcMsg, bytes);
  const next = at + 4 + length + Math.ceil(message.msize / 8) * 8;
  return next <= window.source.size ? next : undefined;
}
