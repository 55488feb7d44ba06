import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteSource, bufferSource } from '../bytes/byte-source.ts';
import { type RawKind, rawKindOf } from './image-kinds.ts';
import { writeRawJson } from './raw-json.ts';

async function decode(name: string, source: ByteSource | Uint8Array, pretty = false) {
  let text = '';
  const write = async (piece: string): Promise<void> => {
    text += piece;
  };
  const bytes = source instanceof Uint8Array ? bufferSource(source) : source;
  const notes = await writeRawJson(name, rawKindOf(name) as RawKind, bytes, write, { pretty });
  return { json: JSON.parse(text), text, notes };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('text images', () => {
  it.each([
    ['', []],
    ['*filter\nCOMMIT\n', ['*filter', 'COMMIT']],
    ['no end', ['no end']],
    ['\n\n', ['', '']],
  ])('%j are lines', async (text, lines) => {
    for (const pretty of [false, true]) {
      const { json } = await decode('nftables-9.img', encode(text), pretty);
      expect(json).toMatchObject({ raw: 'NFTABLES', size: text.length, lines });
    }
  });

  it('lose nothing, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const { json, text } = await decode('iptables-9.img', bytes);
        const shown: string =
          json.lines.join('\n') + (bytes.at(-1) === 10 && json.lines.length > 0 ? '\n' : '');
        const back = Array.from(shown, (character) => {
          const code = character.codePointAt(0) ?? 0;
          return code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...encode(character)];
        });
        expect(back.flat()).toEqual([...bytes]);
        expect(text).not.toMatch(/[^ -~]/);
      }),
    );
  });

  it('are read in pieces, also where there is no line break', async () => {
    const size = 3 * 1024 * 1024;
    let largest = 0;
    const source: ByteSource = {
      size,
      read: async (offset, length) => {
        largest = Math.max(largest, length);
        return new Uint8Array(Math.max(0, Math.min(length, size - offset))).fill(0x61);
      },
    };
    const { json } = await decode('ip6tables-9.img', source);
    expect(json.lines.join('')).toHaveLength(size);
    expect(largest).toBeLessThanOrEqual(64 * 1024);
  });
});

describe('images of bytes', () => {
  it('are described', async () => {
    const { json, text } = await decode('pages-1.img', new Uint8Array(4096), true);
    expect(json).toEqual({ raw: 'PAGES', content: expect.stringContaining('memory pages'), size: 4096 });
    expect(text).toContain('\n    "raw"');
  });
});

describe('a dump of garbage', () => {
  it('has a bounded number of notes', async () => {
    const message = new Uint8Array(16);
    message[0] = 16;
    const dump = new Uint8Array(16 * 1000);
    for (let at = 0; at < dump.length; at += 16) dump.set(message, at);
    const { json, notes } = await decode('netns-ct-9.img', dump);
    expect(json.entries).toHaveLength(1000);
    expect(notes).toHaveLength(20);
  });
});
