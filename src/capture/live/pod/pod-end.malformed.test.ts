import { describe, expect, it } from 'vitest';
import { readPodEnd } from './pod-end.ts';

const SHA256 = 'ab'.repeat(32);
const report = (archive: object) => JSON.stringify({ archive });
const end = (value: object) => JSON.stringify(value);
const GOOD = { path: '/checkpoints/checkpoint-web_shop-app-1.tar', sha256: SHA256, size: 4096 };

describe('readPodEnd', () => {
  it('reads the archive of a capture that succeeded, with something to look at too', () => {
    const archive = { name: 'checkpoint-web_shop-app-1.tar', sha256: SHA256, size: 4096 };
    expect(readPodEnd(end({ code: 0, output: report(GOOD) }), '')).toEqual(archive);
    expect(readPodEnd(end({ code: 3, output: report(GOOD) }), '')).toEqual(archive);
  });

  it('says of one that failed what it said last', () => {
    const said = 'capturing shop/web\nexhibit: the container has ended\n  look again: exhibit pods\n';
    const read = () => readPodEnd(end({ code: 1, output: '' }), said);
    expect(read).toThrow('the capture on the node failed: the container has ended');
    expect(read).toThrow(
      expect.objectContaining({ code: 'LIVE_CAPTURE_FAILED', help: ['look again: exhibit pods'] }),
    );
    expect(() => readPodEnd(end({ code: 1, output: '' }), 'half a wor')).toThrow('failed: it ended with 1');
    expect(() => readPodEnd(end({ output: '' }), '')).toThrow('failed: it ended by a signal');
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'exhibit'],
    ['no object', end({ code: 0, output: '[0]' })],
    ['an output that is none', end({ code: 0, output: 7 })],
    ['no archive', end({ code: 0, output: '{}' })],
    ['a path out of the folder', end({ code: 0, output: report({ ...GOOD, path: '/checkpoints/..' }) })],
    [
      'a name with a terminal escape',
      end({ code: 0, output: report({ ...GOOD, path: '/c/\u001b[2J.tar' }) }),
    ],
    ['a digest that is none', end({ code: 0, output: report({ ...GOOD, sha256: 'ab' }) })],
    ['a size that is none', end({ code: 0, output: report({ ...GOOD, size: -1 }) })],
    ['a size that no file has', end({ code: 0, output: report({ ...GOOD, size: 1e300 }) })],
  ])('does not take %s for a report', (_, json) => {
    expect(() => readPodEnd(json, '')).toThrow(
      expect.objectContaining({ code: 'LIVE_CAPTURE_FAILED', message: expect.stringContaining('no report') }),
    );
  });
});
