import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fakeArchive, fakeSpace } from '../../../test/support/fake-memory.ts';
import { WINDOW_LENGTH } from './region-windows.ts';
import type { RuleEngine, RuleMatch } from './rule-engine.ts';
import { scanWindows } from './window-scan.ts';

const matchOf = (rule: string): RuleMatch => ({ rule, tags: [], meta: {}, matches: [] });

/** Regions of the given lengths; the first byte of each is its number. */
function memoryOf(lengths: readonly number[]) {
  const image = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let offset = 0;
  const mappings = lengths.map((length, index) => {
    image[offset] = index + 1;
    offset += length;
    return { at: (index + 1) * 0x1000_0000, length, entry: 'p', offset: offset - length };
  });
  return { archive: fakeArchive({ p: image }), space: fakeSpace(1, mappings) };
}

/** Takes the longer the sooner it was asked, and keeps how much it had at once. */
class SlowEngine implements RuleEngine {
  readonly size: number;
  mostScans = 0;
  mostBytes = 0;
  #scans = 0;
  #bytes = 0;
  #asked = 0;

  constructor(size: number) {
    this.size = size;
  }

  async scan(bytes: Uint8Array): Promise<readonly RuleMatch[]> {
    const { length, 0: first } = bytes;
    this.mostScans = Math.max(this.mostScans, ++this.#scans);
    this.#bytes += length;
    this.mostBytes = Math.max(this.mostBytes, this.#bytes);
    this.#asked++;
    await sleep(Math.max(0, 20 - 5 * this.#asked));
    this.#scans--;
    this.#bytes -= length;
    return [matchOf(`${first}`)];
  }
}

async function rulesOf(lengths: readonly number[], engine: RuleEngine): Promise<string[]> {
  const { archive, space } = memoryOf(lengths);
  const rules: string[] = [];
  for await (const { found, region, space: seen } of scanWindows([space], archive, engine, {})) {
    expect(seen).toBe(space);
    for (const { rule } of found) rules.push(`${rule}@${Number(region.start) / 0x1000_0000}`);
  }
  return rules;
}

describe('scanWindows', () => {
  it('has several windows under way, and tells what was found in their order', async () => {
    const engine = new SlowEngine(3);
    expect(await rulesOf([10, 20, 30, 40, 50, 60], engine)).toEqual([
      '1@1',
      '2@2',
      '3@3',
      '4@4',
      '5@5',
      '6@6',
    ]);
    expect(engine.mostScans).toBe(3);
  });

  it('keeps what is under way at two full windows', async () => {
    const engine = new SlowEngine(4);
    await rulesOf([WINDOW_LENGTH, WINDOW_LENGTH, WINDOW_LENGTH, 10], engine);
    expect(engine.mostScans).toBe(2);
    expect(engine.mostBytes).toBe(2 * WINDOW_LENGTH);
  });

  it('ends with the error of a scan, and hides no other', async () => {
    const engine: RuleEngine = {
      size: 3,
      scan: async ([first]) => {
        throw new Error(`window ${first} cannot be scanned`);
      },
    };
    await expect(rulesOf([10, 20, 30, 40], engine)).rejects.toThrow('window 1 cannot be scanned');
  });
});
