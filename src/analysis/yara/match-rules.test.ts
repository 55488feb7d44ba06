import { describe, expect, it } from 'vitest';
import { forgeMm, forgePagemap, forgeTasks, openForged } from '../../../test/support/checkpoint-forge.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { matchRules, type RuleHit } from './match-rules.ts';
import { WINDOW_LENGTH, WINDOW_OVERLAP } from './region-windows.ts';
import type { RuleEngine, RuleMatch } from './rule-engine.ts';

/** A rule that matches where its needle stands. */
function needleEngine(needle: string): RuleEngine {
  return engineOf((bytes) => {
    const text = Buffer.from(bytes);
    const matches = [];
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
      matches.push({ pattern: '$needle', offset: at, length: needle.length });
    }
    return matches.length === 0 ? [] : [{ rule: 'needle', tags: [], meta: {}, matches }];
  });
}

const engineOf = (scan: (bytes: Uint8Array) => readonly RuleMatch[]): RuleEngine => ({
  size: 3,
  scan: async (bytes) => scan(bytes),
});

async function all(checkpoint: Checkpoint, engine: RuleEngine): Promise<RuleHit[]> {
  const hits: RuleHit[] = [];
  for await (const batch of matchRules(checkpoint, engine)) hits.push(...batch);
  return hits;
}

const START = 0x10_0000n;

function forged(pages: Uint8Array): Promise<Checkpoint> {
  return openForged({
    images: {
      ...forgeTasks([{ pid: 1 }]),
      'mm-1.img': forgeMm({ vmas: [{ start: START, end: START + BigInt(pages.length) }] }),
      'pagemap-1.img': forgePagemap([[START, pages.length / 4096, 4]]),
      'pages-1.img': pages,
    },
  });
}

describe('matchRules', () => {
  it('tells each match once, on and around the borders of windows too', async () => {
    const pages = Buffer.alloc(WINDOW_LENGTH + 3 * 4096);
    const border = WINDOW_LENGTH;
    const places = [10, border - WINDOW_OVERLAP - 3, border - WINDOW_OVERLAP + 100, border - 3, border + 200];
    for (const at of places) pages.write('needle', at);
    const hits = await all(await forged(pages), needleEngine('needle'));
    expect(hits).toHaveLength(2);
    const found = hits.flatMap(({ matches }) => matches);
    expect(found.map(({ address }) => Number(BigInt(address) - START)).sort((a, b) => a - b)).toEqual(places);
    expect(found.every(({ text, length }) => text === 'needle' && length === 6)).toBe(true);
    expect(found.map(({ locations }) => locations[0]?.offset).sort((a = 0, b = 0) => a - b)).toEqual(places);
  });

  it('tells of a long match only its beginning, and its whole place', async () => {
    const engine = engineOf(() => [
      { rule: 'all', tags: ['a'], meta: { n: 1 }, matches: [{ pattern: '$', offset: 0, length: 8192 }] },
    ]);
    const [hit] = await all(await forged(Buffer.alloc(8192, 'x')), engine);
    expect(hit).toMatchObject({ rule: 'all', tags: ['a'], meta: { n: 1 }, pid: 1 });
    expect(hit?.matches[0]?.text).toBe('x'.repeat(1024));
    expect(hit?.matches[0]?.locations.map(({ length }) => length)).toEqual([8192]);
  });

  it('tells of a rule without patterns by its region', async () => {
    const engine = engineOf(() => [{ rule: 'any', tags: [], meta: {}, matches: [] }]);
    const [hit, ...more] = await all(await forged(Buffer.alloc(4096, 'x')), engine);
    expect(hit).toMatchObject({ rule: 'any', matches: [], region: { start: '0x100000', kind: 'anonymous' } });
    expect(more).toEqual([]);
  });
});
