/** Raw images that hold netlink messages: which layout each has, and the messages as JSON. */
import type { ByteSource } from '../../bytes/byte-source.ts';
import type { Note } from '../../bytes/note.ts';
import { wordAt } from '../wire-cursor.ts';
import { ADDRESS_MAGIC, addressMessage } from './addresses.ts';
import type { NetlinkFields } from './attributes.ts';
import { connectionMessage, expectationMessage } from './connections.ts';
import { type MessageLayout, messageFields } from './layout.ts';
import { readNetlink } from './messages.ts';
import { ROUTE_MAGIC, routeMessage } from './routes.ts';
import { RULE_MAGIC, ruleMessage } from './rules.ts';

/** Notes about messages of one image; a dump of garbage would repeat itself. */
const MAX_NOTES = 20;

interface DumpFormat {
  /** The first word of the image; undefined where the messages begin at once. */
  readonly magic: number | undefined;
  readonly layout: MessageLayout;
}

/** By the name of the raw kind. */
const FORMATS: Readonly<Record<string, DumpFormat>> = {
  IFADDR: { magic: ADDRESS_MAGIC, layout: addressMessage },
  ROUTE: { magic: ROUTE_MAGIC, layout: routeMessage },
  ROUTE6: { magic: ROUTE_MAGIC, layout: routeMessage },
  RULE: { magic: RULE_MAGIC, layout: ruleMessage },
  NETNF_CT: { magic: undefined, layout: connectionMessage },
  NETNF_EXP: { magic: undefined, layout: expectationMessage },
};

/** Whether images of this raw kind are dumps of netlink messages. */
export function isNetworkDump(kind: string): boolean {
  return Object.hasOwn(FORMATS, kind);
}

/** The messages of such an image, one after the other. What is damaged goes to `notes`. */
export async function* readNetworkDump(
  name: string,
  kind: string,
  source: ByteSource,
  notes: Note[],
): AsyncGenerator<NetlinkFields> {
  const format = FORMATS[kind];
  // An `ip` without `save` for this kind leaves an empty image.
  if (format === undefined || source.size === 0) return;
  const start = await messagesStart(name, format, source, notes);
  for await (const message of readNetlink(name, source, start, notes)) {
    const fields = messageFields(message, format.layout);
    if (('trailing' in fields || 'payload' in fields) && notes.length < MAX_NOTES) {
      const what = 'payload' in fields ? 'is not of this dump' : 'ends in bytes that are no attribute';
      notes.push({
        severity: 'warning',
        message: `has a message that ${what}`,
        entry: name,
        offset: message.offset,
      });
    }
    yield fields;
  }
}

async function messagesStart(
  name: string,
  { magic }: DumpFormat,
  source: ByteSource,
  notes: Note[],
): Promise<number> {
  if (magic === undefined) return 0;
  const first = await source.read(0, 4);
  if (first.length === 4 && wordAt(first, 0) === magic) return 4;
  const message = `does not begin with its magic 0x${magic.toString(16)}; read from its first byte`;
  notes.push({ severity: 'warning', message, entry: name, offset: 0 });
  return 0;
}
