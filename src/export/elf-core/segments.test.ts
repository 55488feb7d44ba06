import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { address } from '../../bytes/brand.ts';
import type { AddressSpace, Extent, PageOrigin, Region } from '../../checkpoint/address-space.ts';
import { placeSegments } from './layout.ts';
import { MAX_SEGMENTS, planSegments, type Segment } from './segments.ts';

const PAGE = 4096;
const AT = 0x10000n;

interface Part {
  readonly origin: PageOrigin;
  readonly pages: number;
}

/** An address space of regions, one behind the other with a page between them, made of parts. */
function spaceOf(regions: readonly (readonly Part[])[], more: Partial<Region> = {}): AddressSpace {
  let at = AT;
  const extents = new Map<bigint, Extent[]>();
  const all = regions.map((parts): Region => {
    const start = at;
    const list = parts.map(({ origin, pages }): Extent => {
      const extent = { start: address(at), length: pages * PAGE, origin, location: undefined };
      at += BigInt(extent.length);
      return extent;
    });
    extents.set(start, list);
    const region = {
      start: address(start),
      end: address(at),
      permissions: 'rw-p',
      fileOffset: 0n,
      kind: 'anonymous',
      name: '',
      presentBytes: 0,
      location: { entry: 'mm-1.img', offset: 0, length: 0 },
      ...more,
    } as const;
    at += BigInt(PAGE);
    return region;
  });
  return {
    pageSize: PAGE,
    regions: all,
    extents: (start: bigint) => extents.get(start) ?? [],
  } as unknown as AddressSpace;
}

const planned = (parts: readonly Part[], more: Partial<Region> = {}) => planSegments(spaceOf([parts], more));
const shape = (segments: readonly Segment[]) =>
  segments.map(({ start, memorySize, fileSize }) => [
    Number(start - AT) / PAGE,
    Number(memorySize) / PAGE,
    fileSize / PAGE,
  ]);

describe('the segments of a region', () => {
  it('are one with its zeros, of which those behind the last page are not in the file', () => {
    const { segments, absent } = planned([
      { origin: 'zero', pages: 2 },
      { origin: 'present', pages: 3 },
      { origin: 'zero', pages: 4 },
    ]);
    expect(shape(segments)).toEqual([[0, 9, 5]]);
    expect(absent).toEqual({});
  });

  it('are several where pages of a file lie between its own', () => {
    const parts: readonly Part[] = [
      { origin: 'present', pages: 1 },
      { origin: 'file', pages: 2 },
      { origin: 'present', pages: 1 },
    ];
    const plan = planned(parts, { kind: 'file', name: '/bin/web' });
    expect(shape(plan.segments)).toEqual([
      [0, 1, 1],
      [1, 2, 0],
      [3, 1, 1],
    ]);
    expect(plan.absent).toEqual({ file: 2 * PAGE });
  });

  it('leave out what nobody can fill: it would look like zeros', () => {
    for (const origin of ['lazy', 'parent', 'kernel', 'missing', 'file'] as const) {
      const plan = planned([
        { origin: 'present', pages: 1 },
        { origin, pages: 2 },
      ]);
      expect(shape(plan.segments)).toEqual([[0, 1, 1]]);
      expect(plan.absent).toEqual({ [origin]: 2 * PAGE });
    }
  });

  it('give a long run of zeros no place in the file', () => {
    const { segments } = planned([
      { origin: 'present', pages: 1 },
      { origin: 'zero', pages: 2 ** 40 },
      { origin: 'present', pages: 1 },
      { origin: 'zero', pages: 255 },
      { origin: 'present', pages: 1 },
    ]);
    expect(shape(segments)).toEqual([
      [0, 2 ** 40 + 1, 1],
      [2 ** 40 + 1, 257, 257],
    ]);
  });

  it('have the zeros of shared memory in the file, which its name does not lead to', () => {
    const parts: readonly Part[] = [
      { origin: 'present', pages: 1 },
      { origin: 'zero', pages: 1 },
    ];
    expect(shape(planned(parts, { kind: 'shared-memory', name: '/memfd:x' }).segments)).toEqual([[0, 2, 2]]);
  });

  it('end where there are more than a core can have', () => {
    const parts = Array.from(
      { length: MAX_SEGMENTS + 10 },
      (_, index): Part => ({
        origin: index % 2 === 0 ? 'present' : 'file',
        pages: 1,
      }),
    );
    const plan = planned(parts, { kind: 'file', name: '/bin/web' });
    expect(plan.segments).toHaveLength(MAX_SEGMENTS);
    expect(plan.omittedFrom).toBe(AT + BigInt(MAX_SEGMENTS * PAGE));
  });

  it.each([
    ['r-xp', 5],
    ['rw-s', 6],
    ['---p', 0],
    ['????', 4],
  ])('have the permissions %s as flags %i', (permissions, flags) => {
    expect(planned([{ origin: 'present', pages: 1 }], { permissions }).segments[0]?.flags).toBe(flags);
  });
});

const part = fc.record({
  origin: fc.constantFrom<PageOrigin>('present', 'zero', 'file', 'lazy', 'parent', 'missing', 'kernel'),
  pages: fc.integer({ min: 1, max: 400 }),
});
const regions = fc.array(fc.array(part, { minLength: 1, maxLength: 12 }), { maxLength: 6 });

describe('the layout of any memory', () => {
  it('has every page that is there, ascending, without overlap, at offsets that can be mapped', () => {
    fc.assert(
      fc.property(regions, fc.boolean(), (forged, named) => {
        const space = spaceOf(forged, named ? { kind: 'file', name: '/bin/web' } : {});
        const { segments, absent } = planSegments(space);
        const layout = placeSegments(segments, { notesEnd: 1234, pageSize: PAGE });
        let end = 0n;
        let fileEnd = layout.sectionOffset;
        for (const [index, { start, memorySize, fileSize }] of layout.segments.entries()) {
          const offset = layout.offsets[index] ?? 0;
          expect(start).toBeGreaterThanOrEqual(end);
          expect(memorySize).toBeGreaterThanOrEqual(BigInt(fileSize));
          expect(offset % PAGE).toBe(Number(start % BigInt(PAGE)));
          expect(offset).toBeGreaterThanOrEqual(fileEnd);
          end = start + memorySize;
          if (fileSize > 0) fileEnd = offset + fileSize;
        }
        expect(layout.size).toBeGreaterThanOrEqual(fileEnd);
        for (const region of space.regions) {
          for (const { start, length, origin } of space.extents(region.start, 0)) {
            const found = segments.find(
              (each) => each.start <= start && start < each.start + each.memorySize,
            );
            const stored = found && start + BigInt(length) <= found.start + BigInt(found.fileSize);
            if (origin === 'present') expect(stored).toBe(true);
            else if (origin === 'zero') expect(found).toBeDefined();
            else if (origin === 'file' && named) expect(found?.fileSize).toBe(0);
            else expect(found).toBeUndefined();
          }
        }
        const told = Object.values(absent).reduce((sum, bytes) => sum + bytes, 0);
        const real = forged
          .flat()
          .filter(({ origin }) => origin !== 'present' && origin !== 'zero')
          .reduce((sum, { pages }) => sum + pages * PAGE, 0);
        expect(told).toBe(real);
      }),
    );
  });
});
