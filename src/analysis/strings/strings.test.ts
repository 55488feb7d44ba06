import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeArchive, fakeSpace } from '../../../test/support/fake-memory.ts';
import { type ScanOptions, scanMemory } from '../../checkpoint/scan/memory-scan.ts';
import type { MemoryScanner } from '../../checkpoint/scan/memory-scanner.ts';
import { byteStringScanner, MAX_STRING_LENGTH } from './byte-strings.ts';
import type { StringEncoding } from './string-query.ts';
import { utf16StringScanner } from './utf16-strings.ts';

const scannerOf = (encoding: StringEncoding, minimum: number): MemoryScanner =>
  encoding === 'utf-16le' ? utf16StringScanner(minimum) : byteStringScanner(encoding, minimum);

/** Offset and text of each string that a scan finds in memory that begins at address 0. */
async function find(bytes: Uint8Array, encoding: StringEncoding, minimum: number, options: ScanOptions = {}) {
  const found: [number, string][] = [];
  const space = fakeSpace(1, [{ at: 0, length: bytes.length, entry: 'p', offset: 0 }]);
  const decoder = new TextDecoder(encoding === 'utf-16le' ? 'utf-16le' : 'utf-8', { ignoreBOM: true });
  const scanner = scannerOf(encoding, minimum);
  for await (const batch of scanMemory([space], fakeArchive({ p: bytes }), [scanner], options)) {
    for (const hit of batch) found.push([Number(hit.owners[0].address), decoder.decode(hit.bytes)]);
  }
  return found;
}

/** The character that begins at an offset, by decoding: its text and its length in bytes. */
type CharacterAt = (bytes: Uint8Array, at: number) => readonly [text: string, length: number] | undefined;

const asciiAt: CharacterAt = (bytes, at) => {
  const text = String.fromCharCode(bytes[at] ?? 0);
  return /^[\t -~]$/.test(text) ? [text, 1] : undefined;
};

const utf8At: CharacterAt = (bytes, at) => {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        bytes.subarray(at, at + length),
      );
      const isShown = /^[\t\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u.test(text);
      return isShown ? [text, length] : undefined;
    } catch {
      // Not a whole character.
    }
  }
  return undefined;
};

const utf16At: CharacterAt = (bytes, at) => {
  if (at + 1 >= bytes.length) return undefined;
  const text = String.fromCharCode((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
  const isShown = /^[\t -~\u00a0-\u00ac\u00ae-\u00ff\u0386-\u03ce\u0400-\u0481\u048a-\u04ff‐-‧‰-›€]$/.test(
    text,
  );
  return isShown ? [text, 2] : undefined;
};

/** What the scanners find, by the definition: from each character on as far as it goes. */
function findPlainly(bytes: Uint8Array, encoding: StringEncoding, minimum: number): [number, string][] {
  const characterAt = { ascii: asciiAt, 'utf-8': utf8At, 'utf-16le': utf16At }[encoding];
  const found: [number, string][] = [];
  for (let at = 0; at < bytes.length; ) {
    let text = '';
    let end = at;
    let count = 0;
    for (let next = characterAt(bytes, end); next !== undefined; next = characterAt(bytes, end)) {
      const [character, length] = next;
      if (end + length - at > MAX_STRING_LENGTH) break;
      text += character;
      end += length;
      count++;
    }
    const isText = encoding !== 'utf-16le' || /[\t -~]/.test(text);
    const isString = count >= minimum && isText;
    if (isString) found.push([at, text]);
    // Units that begin at odd addresses may overlap with those that were too few.
    at = isString || encoding !== 'utf-16le' ? Math.max(end, at + 1) : at + 1;
  }
  return found;
}

/** Bytes in which strings of all encodings are frequent, beside and in each other. */
const memory: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.string({ unit: 'binary', maxLength: 12 }).map((text) => Buffer.from(text)),
      fc.string({ maxLength: 20 }).map((text) => Buffer.from(text)),
      fc.string({ maxLength: 20 }).map((text) => Buffer.from(text, 'utf16le')),
      fc
        .constantFrom('grüße', 'привет мир', '日本語テキスト', 'a\u0085b', '😀ok', '\u200bz')
        .map((text) => Buffer.from(text)),
      fc.constantFrom('Grüße', 'привет мир', '“ok” – 5 €').map((text) => Buffer.from(text, 'utf16le')),
      fc.nat({ max: 40 }).map((length) => new Uint8Array(length)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)));

describe.each(['ascii', 'utf-8', 'utf-16le'] as const)('strings in %s', (encoding) => {
  it('are those of the definition, in windows of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        memory,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 64 }),
        async (bytes, minimum, windowSize) => {
          const expected = findPlainly(bytes, encoding, minimum);
          expect(await find(bytes, encoding, minimum, { windowSize })).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('come in pieces when they are very long', async () => {
    const text = 'x'.repeat(MAX_STRING_LENGTH + 5_000);
    const bytes = Buffer.from(`\0${text}\0`, encoding === 'utf-16le' ? 'utf16le' : 'latin1');
    for (const windowSize of [10_000, undefined]) {
      const found = await find(bytes, encoding, 8, { windowSize });
      expect(found).toEqual(findPlainly(bytes, encoding, 8));
      expect(found.map(([, piece]) => piece).join('')).toBe(text);
      expect(found.length).toBeGreaterThan(1);
    }
  });
});

const golden = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'golden', name));

describe('GNU strings', () => {
  it.each(['ascii', 'utf-16le'] as const)('finds the same in a sample in %s', async (encoding) => {
    const found = await find(golden('sample.bin'), encoding, 6);
    // GNU strings ends a string in UTF-16 before a letter that is not ASCII.
    const asTheirs = found.map(([offset, text]) => `${offset} ${text.replace(/[^\t -~].*/, '')}\n`);
    expect(asTheirs.join('')).toBe(golden(`sample-${encoding}.txt`).toString('latin1'));
  });
});
