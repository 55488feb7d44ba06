import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeProcess } from '../testing/fake-process.ts';
import { loadCLibrary } from './c-library.ts';
import { openKcmp } from './kcmp.ts';
import { findSharedParts, NOTHING_SHARED } from './shared-parts.ts';

const root = { link: '/', stat: undefined };
const [MEMORY, DESCRIPTORS, FOLDERS, HANDLERS] = [1, 2, 3, 4];

describe('findSharedParts', () => {
  it('finds for each process the first that has the same', () => {
    /** Which memory, table, folders each process has, by number. */
    const parts = fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)), { maxLength: 12 });
    fc.assert(
      fc.property(parts, (given) => {
        const processes = given.map((_, index) => fakeProcess({ pid: index + 1, root }));
        const kcmp = (a: number, b: number, type: number) => {
          const part = type === HANDLERS ? 0 : type - 1;
          return (given[a - 1]?.[part] ?? 0) - (given[b - 1]?.[part] ?? 0);
        };
        const shared = findSharedParts(processes, kcmp);
        const firstOf = (pid: number, part: number): number =>
          given.findIndex((each) => each[part] === given[pid - 1]?.[part]) + 1;
        for (const { pid } of processes) {
          const expected = [0, 1, 2, 0].map((part) => firstOf(pid, part));
          const { memory, descriptors, folders, handlers } = shared;
          const found = [memory, descriptors, folders, handlers].map((each) => each.get(pid) ?? pid);
          expect(found).toEqual(expected);
        }
      }),
    );
  });

  it('asks nothing of what cannot be the same, and nothing of a zombie', () => {
    const asked: number[] = [];
    const kcmp = (_a: number, _b: number, type: number) => {
      asked.push(type);
      return 1;
    };
    const other = { link: '/srv', stat: undefined };
    const descriptor = { fd: 3, link: 'pipe:[1]', info: '', stat: undefined };
    const processes = [
      fakeProcess({ pid: 1, root, files: { maps: 'a' } }),
      fakeProcess({ pid: 2, root, files: { maps: 'b' }, workingDirectory: other, descriptors: [descriptor] }),
      fakeProcess({ pid: 3, files: { maps: 'a' } }),
    ];
    expect(findSharedParts(processes, kcmp)).toEqual(NOTHING_SHARED);
    expect(asked).toEqual([]);
    findSharedParts([...processes, fakeProcess({ pid: 4, root, files: { maps: 'a' } })], kcmp);
    expect(asked).toEqual([MEMORY, DESCRIPTORS, FOLDERS]);
  });

  it('is told by the kernel that a process shares everything with itself', () => {
    const library = loadCLibrary();
    const kcmp = library && openKcmp(library);
    expect(kcmp?.(process.pid, process.pid, HANDLERS ?? 0)).toBe(0);
    expect(kcmp?.(process.pid, 2 ** 22 + 1, MEMORY ?? 0)).toBeUndefined();
  });
});
