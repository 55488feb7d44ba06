import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeProcess } from '../testing/fake-process.ts';
import type { GatheredDescriptor } from './gathered.ts';
import { type CompareFiles, findSameFiles, placeOf } from './same-files.ts';

const descriptor = (fd: number, link: string): GatheredDescriptor => ({
  fd,
  link,
  stat: undefined,
  info: `pos:\t0\nflags:\t0${fd % 2 === 0 ? '2' : ''}100002\n`,
});

/** Which open file each descriptor of two processes leads to, by number. */
const files = fc.tuple(fc.array(fc.nat(5), { maxLength: 20 }), fc.array(fc.nat(5), { maxLength: 20 }));

describe('findSameFiles', () => {
  it('finds all that are the same, and nothing else', () => {
    fc.assert(
      fc.property(files, ([first, second]) => {
        const all = new Map<string, number>();
        const processes = [first, second].map((numbers, index) => {
          const pid = index + 1;
          for (const [fd, file] of numbers.entries()) all.set(placeOf(pid, fd), file);
          // Files 0 to 2 have one path, 3 to 5 another: the same path does not make the same file.
          const descriptors = numbers.map((file, fd) => descriptor(fd, file < 3 ? '/a' : '/b'));
          return fakeProcess({ pid, descriptors });
        });
        const fileAt = (pid: number, fd: number): number => all.get(placeOf(pid, fd)) ?? 0;
        const compare: CompareFiles = (a, b) => fileAt(a.pid, a.fd) - fileAt(b.pid, b.fd);
        const same = findSameFiles(processes, compare);
        for (const [place, file] of all) {
          const others = [...all].filter(([other, number]) => number === file && other !== place);
          expect(same.has(place)).toBe(others.length > 0);
          const leader = same.get(place);
          if (leader !== undefined) expect(all.get(leader)).toBe(file);
          for (const [other] of others) expect(same.get(other)).toBe(leader);
        }
      }),
    );
  });

  it('ends when it has compared often enough, or may not compare', () => {
    const processes = [
      fakeProcess({ descriptors: Array.from({ length: 100 }, (_, fd) => descriptor(fd, '/a')) }),
    ];
    let compared = 0;
    const compare: CompareFiles = (a, b) => {
      compared += 1;
      return a.fd - b.fd;
    };
    findSameFiles(processes, compare, 50);
    expect(compared).toBe(50);
    expect(findSameFiles(processes, () => undefined).size).toBe(0);
  });
});
