import { describe, expect, it } from 'vitest';
import { forEachConcurrently } from './concurrency.ts';

describe('forEachConcurrently', () => {
  it('runs on every item once, in order, and never on more than the limit at a time', async () => {
    const begun: number[] = [];
    let [running, most] = [0, 0];
    await forEachConcurrently([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      begun.push(item);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    expect(begun).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect([most, running]).toEqual([3, 0]);
  });

  it('rejects with what an action rejects with', async () => {
    const failing = forEachConcurrently([1, 2], 1, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
  });
});
