import { describe, expect, test } from 'vitest';
import { runCases, runFiles } from './campaign.ts';
import { keptInputs } from './corpus.ts';
import { TARGETS, type TargetName } from './targets.ts';

/** `npm run fuzz` goes on from there. */
const CASES: Readonly<Record<TargetName, number>> = {
  archive: 10_000,
  memory: 1_000,
  tar: 5_000,
  gzip: 500,
  zstd: 500,
  image: 20_000,
  json: 20_000,
  regex: 5_000,
};

/** Each is a process; the machine has two cores. */
const PARTS = 2;

describe.each(Object.keys(TARGETS) as readonly TargetName[])('%s', (target) => {
  test(`takes ${CASES[target]} mutated inputs, each in bounded time and memory`, async () => {
    const share = CASES[target] / PARTS;
    const parts = await Promise.all(
      Array.from({ length: PARTS }, (_, part) => runCases(target, part * share, share)),
    );
    expect(parts.flatMap(({ problems }) => problems)).toEqual([]);
    expect(parts.reduce((sum, { cases }) => sum + cases, 0)).toBe(CASES[target]);
  });

  test('takes each input that once went wrong', async () => {
    const files = keptInputs(target);
    const { cases, problems } = await runFiles(target, files);
    expect(problems).toEqual([]);
    expect(cases).toBe(files.length);
  });
});

describe('the machinery', () => {
  test('makes the same input of the same number, and another of another', async () => {
    const [first, second] = [await TARGETS.image(), await TARGETS.image()];
    expect(first.input(7)).toEqual(second.input(7));
    expect(first.input(7)).not.toEqual(first.input(8));
  });

  test('tells of a case that goes wrong', async () => {
    const { problems } = await runFiles('image', ['/nowhere']);
    expect(problems).toMatchObject([{ problem: expect.stringContaining('ENOENT') }]);
  });
});
