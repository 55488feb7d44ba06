import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, rawField, varint } from '../../test/support/criu-forge.ts';
import { allKinds } from './image-kinds.ts';
import * as s from './schema.ts';
import { type CgroupDirEntry, cgroupDirEntry } from './schemas/cgroup.ts';
import { decodeMessage, hasUnknownFields, MAX_NESTING, unknownFields } from './wire.ts';

const pair = s.message('pair', {
  a: s.uint32(1),
  b: s.uint64(2),
  list: s.repeated(s.uint32(3)),
  text: s.optional(s.string(4)),
});
const good = concat(rawField(1, 5), rawField(2, 6n));
const problemsOf = (bytes: Uint8Array) =>
  decodeMessage(pair, bytes).problems.map((problem) => problem.message);

describe('a damaged message', () => {
  it('is read up to the damage', () => {
    const { message, problems } = decodeMessage(pair, concat(good, Uint8Array.of(0x22, 0x50, 65)), {
      offset: 40,
    });
    expect(message).toEqual({ a: 5, b: 6n, list: [] });
    expect(problems).toEqual([{ message: 'pair.text is cut short', offset: 44 }]);
  });

  it('lacking required fields gets zeros and says so', () => {
    const { message } = decodeMessage(pair, new Uint8Array(0));
    expect(message).toEqual({ a: 0, b: 0n, list: [] });
    expect(problemsOf(new Uint8Array(0))).toEqual(['pair.a is missing', 'pair.b is missing']);
  });

  it.each([
    ['a varint that never ends', concat(good, new Uint8Array(40).fill(0xff)), 'too long'],
    ['a varint cut short', concat(good, Uint8Array.of(0x08, 0x80)), 'pair.a is cut short'],
    ['impossible number', concat(good, Uint8Array.of(0x00, 1)), 'impossible number'],
    ['a group', concat(good, Uint8Array.of(0x53)), 'wire type 3'],
    ['wire type 7', concat(good, Uint8Array.of(0x57)), 'wire type 7'],
    ['a length of 2^63', concat(good, Uint8Array.of(0x22), varint(1n << 63n)), 'pair.text is cut short'],
    ['an unknown field cut short', concat(good, varint(50 * 8 + 2), varint(9)), 'field 50 is cut short'],
    [
      'a packed list cut inside a number',
      concat(good, rawField(3, Uint8Array.of(1, 0x80))),
      'list is cut short',
    ],
  ])('with %s stops there', (_what, bytes, problem) => {
    const { message, problems } = decodeMessage(pair, bytes);
    expect(message).toMatchObject({ a: 5, b: 6n });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain(problem);
  });

  it('with a field of another wire type keeps it as unknown', () => {
    const { message, problems } = decodeMessage(pair, concat(rawField(1, Uint8Array.of(1)), good));
    expect([message.a, problems]).toEqual([5, []]);
  });

  it('nested without end is cut at the limit', () => {
    let bytes = rawField(1, Uint8Array.of(100));
    for (let depth = 0; depth < MAX_NESTING + 50; depth++) {
      bytes = concat(rawField(1, Uint8Array.of(100)), rawField(2, bytes));
    }
    const { message, problems } = decodeMessage(cgroupDirEntry, bytes);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain('nested deeper');
    let depth = 0;
    for (let at: CgroupDirEntry | undefined = message; at !== undefined; at = at.children[0]) depth++;
    expect(depth).toBe(MAX_NESTING + 2);
  });

  it('of millions of values is cut at its budget', () => {
    const budget = { values: 1000 };
    const bytes = concat(...Array.from({ length: 1500 }, () => rawField(3, 1)));
    const { message, problems } = decodeMessage(pair, bytes, { budget });
    expect(message.list).toHaveLength(1000);
    expect(problems[0]?.message).toContain('more than');
  });

  it('of any bytes never throws, whatever the schema', () => {
    const schemas = allKinds.flatMap((kind) => [kind.first, kind.later]);
    fc.assert(
      fc.property(fc.constantFrom(...schemas), fc.uint8Array({ maxLength: 400 }), (schema, bytes) => {
        const { problems } = decodeMessage(schema as s.MessageSchema, bytes);
        expect(problems.length).toBeLessThanOrEqual(8);
      }),
      { numRuns: 2000 },
    );
  });

  it('has unknown fields exactly where there are some to show', () => {
    const field = fc.tuple(
      fc.integer({ min: 1, max: 6 }),
      fc.oneof(fc.nat(), fc.uint8Array({ maxLength: 3 })),
    );
    const fields = fc
      .array(field, { maxLength: 4 })
      .map((list) => concat(...list.map(([number, value]) => rawField(number, value))));
    const answers = new Set<boolean>();
    fc.assert(
      fc.property(fields, fc.nat({ max: 5 }), (bytes, cut) => {
        const { message } = decodeMessage(pair, bytes.subarray(0, bytes.length - cut));
        answers.add(hasUnknownFields(message));
        expect(hasUnknownFields(message)).toBe(unknownFields(message).length > 0);
      }),
    );
    expect(answers.size).toBe(2);
  });
});
