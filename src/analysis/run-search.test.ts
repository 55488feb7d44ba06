import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runSet } from '../bytes/kernels.ts';
import { RunFinder } from './run-search.ts';

const SET = runSet((byte) => byte === 1);

/** All runs, with the parts of one put together. */
function allRuns(bytes: Uint8Array, minimum: number): number[][] {
  const finder = new RunFinder(bytes, SET, minimum);
  const found: number[][] = [];
  let at = 0;
  for (let run = finder.find(at); run !== undefined; run = finder.find(at)) {
    const last = found.at(-1);
    if (last?.[1] !== undefined && run.start <= last[1]) last[1] = run.end;
    else found.push([run.start, run.end]);
    at = run.end;
  }
  return found;
}

describe('RunFinder', () => {
  it('finds every run, also where it lies across blocks', () => {
    const lengths = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 1, max: 60_000 })),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 1_024 }), (parts, minimum) => {
        const bytes = Buffer.concat(
          parts.flatMap(([gap, length]) => [Buffer.alloc(gap), Buffer.alloc(length, 1)]),
        );
        const expected: number[][] = [];
        let at = 0;
        for (const [gap, length] of parts) {
          if (length >= minimum) expected.push([at + gap, at + gap + length]);
          at += gap + length;
        }
        expect(allRuns(bytes, minimum)).toEqual(expected);
      }),
    );
  });

  it('finds a run whose beginning or end touches the border of a block by a byte', () => {
    for (let shift = -20; shift <= 20; shift++) {
      const bytes = new Uint8Array(300_000);
      const start = 128 * 1024 + shift;
      bytes.fill(1, start, start + 9);
      expect(allRuns(bytes, 9)).toEqual([[start, start + 9]]);
      expect(allRuns(bytes, 10)).toEqual([]);
    }
  });

  it('answers questions in any order', () => {
    const bytes = Uint8Array.from({ length: 400 }, (_, at) => (at % 100 < 10 ? 1 : 0));
    const finder = new RunFinder(bytes, SET, 5);
    expect(finder.find(350)).toBeUndefined();
    expect(finder.find(95)).toEqual({ start: 100, end: 110 });
    expect(finder.find(110)).toEqual({ start: 200, end: 210 });
    expect(finder.find(0)).toEqual({ start: 0, end: 10 });
  });
});
