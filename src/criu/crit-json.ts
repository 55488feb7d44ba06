/**
 * Images as the JSON that `crit decode` prints: `{"magic": NAME, "entries": [{fields, "extra": bytes}, …]}`. Fields that
 * the wire does not have are left out, the others come by number, 64-bit integers are exact, bytes are base64 in lines.
 * What crit cannot show comes under names that it does not use: `unknown_fields`, `extra_padding`. Where we differ on purpose stands in
 * crit-disagreements.ts.
 * Facts: the output of CRIU 4.2's crit.
 *
 * Text is handed to `write` in bounded pieces: an image and the bytes behind its messages may be larger than memory.
 */
import type { ByteSource } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import { extraJson } from './extra-json.ts';
import { EXTRA_PADDING, readPadding } from './extra-padding.ts';
import { type Entry, readEntries, readHeader, type UnknownKind } from './image.ts';
import type { ImageKind } from './image-kinds.ts';
import { messageJson } from './message-json.ts';
import { escapeJson, type Indent, type JsonValue, lineBreak, members, separator } from './python-json.ts';
import { base64Lines } from './text-encodings.ts';

export interface CritJsonOptions {
  /** Indented, with numbers as words, flags, addresses and hexadecimal where crit knows better. */
  readonly pretty?: boolean;
  /** Members in front of `magic`, such as the name of the image in a stream of several. */
  readonly prefix?: Readonly<Record<string, JsonValue>>;
}

/** Takes the next piece of text; resolves when it may be followed by another. */
export type WriteText = (text: string) => Promise<void>;

type Framed = ImageKind | UnknownKind;

/** Pieces of this many characters are collected before they are written. */
const PIECE = 64 * 1024;

/**
 * Writes one image, without a line feed at the end. Returns what was damaged. Throws `BAD_IMAGE` for what is no image, and
 * `RAW_IMAGE` for an image without messages (the error says what it holds), `LIMIT_EXCEEDED` for an entry of hundreds of
 * megabytes of text.
 */
export async function writeCritJson(
  name: string,
  source: ByteSource,
  write: WriteText,
  options: CritJsonOptions = {},
): Promise<readonly Note[]> {
  const { kind, length } = await readHeader(name, source);
  if (kind.layout === 'raw') {
    throw new ExhibitError(
      'RAW_IMAGE',
      `${name} is a raw image without messages. It holds ${kind.content}.`,
      {
        source: name,
      },
    );
  }
  const notes: Note[] = [];
  const writer = new ImageWriter(source, kind, write, options);
  await writer.open();
  for await (const batch of readEntries(name, source, kind, length, notes)) {
    for (const entry of batch) await writer.entry(entry);
  }
  await writer.close();
  return notes;
}

class ImageWriter {
  readonly #source: ByteSource;
  readonly #kind: Framed;
  readonly #write: WriteText;
  readonly #options: CritJsonOptions;
  readonly #indent: Indent;
  #text = '';
  #count = 0;

  constructor(source: ByteSource, kind: Framed, write: WriteText, options: CritJsonOptions) {
    this.#source = source;
    this.#kind = kind;
    this.#write = write;
    this.#options = options;
    this.#indent = options.pretty === true ? 4 : undefined;
  }

  async open(): Promise<void> {
    const head = members({ ...this.#options.prefix, magic: this.#kind.name }, this.#indent, 1);
    this.#text = `{${lineBreak(this.#indent, 1)}`;
    this.#text += [...head, '"entries": ['].join(separator(this.#indent, 1));
  }

  async entry(entry: Entry): Promise<void> {
    const isFirst = this.#count++ === 0;
    this.#text += isFirst ? lineBreak(this.#indent, 2) : separator(this.#indent, 2);
    const items = this.#members(entry);
    const extra = this.#kind.layout === 'framed' ? extraJson(this.#kind, entry, this.#source) : undefined;
    if (items.length === 0 && extra === undefined) this.#text += '{}';
    else {
      this.#text += `{${lineBreak(this.#indent, 3)}${items.join(separator(this.#indent, 3))}`;
      if (extra !== undefined) await this.#extra(extra(this.#indent, 3), items.length > 0);
      const padding = await this.#padding(entry, isFirst);
      if (padding !== undefined) this.#text += `${separator(this.#indent, 3)}${padding}`;
      this.#text += `${lineBreak(this.#indent, 2)}}`;
    }
    if (this.#text.length >= PIECE) await this.#flush();
  }

  /** A hostile message can be longer as text than a string can be: it is nothing that anybody could read. */
  #members({ message, offset }: Entry): readonly string[] {
    try {
      return members(messageJson(message, this.#options.pretty === true), this.#indent, 3);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      const what = `the entry at byte ${offset} of a ${this.#kind.name} image has too many values to be printed`;
      throw new ExhibitError('LIMIT_EXCEEDED', what, { offset, cause });
    }
  }

  /** Adds the member `extra` to an entry. */
  async #extra(pieces: AsyncIterable<string>, isFollower: boolean): Promise<void> {
    this.#text += `${isFollower ? separator(this.#indent, 3) : ''}"extra": `;
    for await (const piece of pieces) {
      this.#text += piece;
      if (this.#text.length >= PIECE) await this.#flush();
    }
  }

  async #padding(entry: Entry, isFirst: boolean): Promise<string | undefined> {
    if (this.#kind.layout !== 'framed') return undefined;
    const rule = isFirst ? this.#kind.extra : this.#kind.laterExtra;
    const bytes = await readPadding(rule, entry, this.#source);
    return bytes && `"${EXTRA_PADDING}": "${escapeJson(base64Lines(bytes))}"`;
  }

  async close(): Promise<void> {
    if (this.#count > 0) this.#text += lineBreak(this.#indent, 1);
    this.#text += `]${lineBreak(this.#indent, 0)}}`;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    await this.#write(text);
  }
}
