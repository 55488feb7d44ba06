import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readNotes } from '../../../test/support/core-reader.ts';
import { encodeNote } from './elf-note.ts';

const note = fc.record({
  owner: fc.constantFrom('CORE' as const, 'LINUX' as const),
  type: fc.nat(),
  descriptor: fc.uint8Array({ maxLength: 70 }),
});

describe('notes', () => {
  it('have the bytes of the ABI', () => {
    const bytes = encodeNote({ owner: 'LINUX', type: 0x401, descriptor: Uint8Array.of(1, 2, 3, 4, 5) });
    expect(Buffer.from(bytes).toString('hex')).toBe(
      ['06000000', '05000000', '01040000', '4c494e5558000000', '0102030405000000'].join(''),
    );
  });

  it('follow each other, whatever their lengths', () => {
    fc.assert(
      fc.property(fc.array(note, { maxLength: 8 }), (notes) => {
        const read = readNotes(Buffer.concat(notes.map(encodeNote)));
        expect(read).toEqual(
          notes.map(({ descriptor, ...rest }) => ({ ...rest, descriptor: Buffer.from(descriptor) })),
        );
      }),
    );
  });
});
