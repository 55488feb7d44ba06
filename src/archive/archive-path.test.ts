import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryPath, judgePath, MAX_NAME_BYTES } from './archive-path.ts';

describe('judgePath', () => {
  it.each([
    ['checkpoint/core-1.img', 'checkpoint/core-1.img'],
    ['./a//b/./c/', 'a/b/c'],
    ['/etc/passwd', 'etc/passwd'],
    ['//x', 'x'],
    ['...', '...'],
    ['a..b/..c', 'a..b/..c'],
    ['checkpoint-web_2026-11-24T08:00:00Z', 'checkpoint-web_2026-11-24T08:00:00Z'],
    ['C:\\x\\..\\y', 'C:\\x\\..\\y'],
    ['', ''],
    ['.', ''],
    ['/', ''],
  ])('%j is safe as %j', (path, safe) => {
    expect(judgePath(path)).toEqual({ safe: true, path: safe });
  });

  it.each([
    ['..', 'leads out of the folder (..)'],
    ['a/../b', 'leads out of the folder (..)'],
    ['/../etc', 'leads out of the folder (..)'],
    ['a/..', 'leads out of the folder (..)'],
    ['a\0b', 'holds a NUL byte'],
    ['x'.repeat(MAX_NAME_BYTES + 1), 'is too long'],
    ['漢'.repeat(86), 'is too long'],
    [Array.from({ length: 200 }, () => 'x'.repeat(200)).join('/'), 'is too long'],
    ['a/'.repeat(300), 'is too deep'],
  ])('%j is refused', (path, reason) => {
    expect(judgePath(path)).toEqual({ safe: false, reason });
  });

  it('never lets a path out of its folder', () => {
    const part = fc.constantFrom('..', '.', '', 'a', '/', '...', 'b\0', '..\\', '../x');
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join('/')),
        (path) => {
          const verdict = judgePath(path);
          if (verdict.safe) {
            expect(posix.resolve('/folder', verdict.path)).toMatch(/^\/folder(\/|$)/);
            expect(judgePath(verdict.path)).toEqual(verdict);
          }
        },
      ),
    );
  });
});

describe('entryPath', () => {
  it.each([
    ['./checkpoint/', 'checkpoint'],
    ['./', '.'],
    ['', '.'],
    ['/', '.'],
    ['././/a', 'a'],
    ['.hidden', '.hidden'],
    ['../a', '../a'],
    ['./../a', '../a'],
    ['a//b', 'a//b'],
  ])('%j is listed as %j', (name, path) => {
    expect(entryPath(name)).toBe(path);
  });

  it('takes time in proportion to its length', () => {
    const name = `${'/'.repeat(60_000)}a${'/'.repeat(60_000)}b`;
    const start = performance.now();
    entryPath(name);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
