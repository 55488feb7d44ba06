import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { gatherContainer } from '../look/gather.ts';
import { parseMappings } from '../proc/mappings.ts';
import { fakeMapping, PAGE, PRESENT, writeFakeProcess } from '../testing/fake-process.ts';
import { type CopyLane, openLanes, type PageRange } from './copy-lane.ts';
import { copyMemory } from './memory-copy.ts';
import { type MemoryPlan, planMemory } from './memory-plan.ts';
import { makeRoom } from './room.ts';
import type { PlannedProcess } from './shared-objects.ts';
import { findZeroPages } from './zero-pages.ts';

let folder: string;
let child: ChildProcess | undefined;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-copy-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  child = undefined;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CHOICE = { allPages: false, pageSize: PAGE, zeroPages: { has: () => false } };

/** Copies with 100 bytes before each image; returns the contents of the images. */
async function copyOf(plan: MemoryPlan, lanes?: readonly CopyLane[]) {
  const name = path.join(folder, 'copy');
  const descriptor = openSync(name, 'w');
  const offsets = new Map<number, number>();
  let end = 0;
  for (const { pagesId, bytes } of plan.images) {
    offsets.set(pagesId, end + 100);
    end += 100 + bytes;
  }
  try {
    const offsetOf = ({ pagesId }: { readonly pagesId: number }) => offsets.get(pagesId) ?? 0;
    const result = await copyMemory(plan, { descriptor, name, offsetOf }, { lanes });
    const file = readFileSync(name);
    const images = plan.images.map((image) => {
      const offset = offsetOf(image);
      return file.subarray(offset, offset + image.bytes);
    });
    return { result, images };
  } finally {
    closeSync(descriptor);
  }
}

const koffiPath = createRequire(import.meta.url).resolve(`@koromix/koffi-linux-${process.arch}`);

describe('copyMemory', () => {
  it('puts each page in its place', async () => {
    const pagemaps = fc.array(fc.constantFrom(0n, PRESENT), { minLength: 1, maxLength: 700 });
    await fc.assert(
      fc.asyncProperty(pagemaps, async (pagemap) => {
        const memory = Buffer.alloc(pagemap.length * PAGE);
        for (const [index] of pagemap.entries()) memory.writeUInt32LE(index + 1, index * PAGE);
        const mappings = [fakeMapping(0, pagemap.length)];
        const process = writeFakeProcess(folder, { pid: 1, mappings, pagemap, memory });
        const { result, images } = await copyOf(planMemory([process], CHOICE, folder));
        expect(result).toEqual({ unreadable: [], unlisted: 0 });
        const wanted = pagemap.flatMap((bits, index) =>
          bits === 0n ? [] : [memory.subarray(index * PAGE, (index + 1) * PAGE)],
        );
        expect(images[0]?.equals(Buffer.concat(wanted))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('leaves zeros where nothing can be read, over what was there before', async () => {
    const memory = Buffer.alloc(2 * PAGE + 10, 7);
    const mappings = [fakeMapping(0, 6)];
    const pagemap = [PRESENT, PRESENT, PRESENT, PRESENT, 0n, PRESENT];
    const process = writeFakeProcess(folder, { pid: 2, mappings, pagemap, memory });
    const plan = planMemory([process], CHOICE, folder);
    const name = path.join(folder, 'used');
    writeFileSync(name, Buffer.alloc(5 * PAGE, 0xee));
    const descriptor = openSync(name, 'r+');
    const { unreadable } = await copyMemory(plan, { descriptor, name, offsetOf: () => 0 });
    closeSync(descriptor);
    expect(readFileSync(name).equals(Buffer.concat([memory], 5 * PAGE))).toBe(true);
    const origin = { kind: 'process', pid: 2, containerPid: 1 };
    expect(unreadable).toEqual([
      { origin, start: 3n * 4096n, pages: 1 },
      { origin, start: 5n * 4096n, pages: 1 },
    ]);
  });

  it('says when the disk is full', async () => {
    const plan = planOfOnePage();
    const descriptor = openSync('/dev/full', 'w');
    try {
      const target = { descriptor, name: '/captures/a.tar.part', offsetOf: () => 0 };
      const refusal = {
        code: 'WRITE_FAILED',
        message:
          "/captures/a.tar.part cannot take the container's memory: its disk is full: make room, or choose another folder",
      };
      await expect(copyMemory(plan, target)).rejects.toMatchObject(refusal);
      await expect(makeRoom(target, plan.bytes)).rejects.toMatchObject(refusal);
    } finally {
      closeSync(descriptor);
    }
  });

  it('stops when it is told to', async () => {
    const target = { descriptor: -1, name: 'none', offsetOf: () => 0 };
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(copyMemory(planOfOnePage(), target, { signal })).rejects.toThrow('enough');
  });

  it('copies the memory of a process that stands still', async () => {
    const plan = planMemory([await startHolder()], { ...CHOICE, zeroPages: findZeroPages(PAGE) });
    const { result, images } = await copyOf(plan);
    expect(plan.gaps).toEqual([]);
    expect(result.unreadable).toEqual([]);
    const numbers = (images[0] ?? Buffer.alloc(0)).toString('latin1').match(/EXHIBIT-PAGE-\d{4}/g);
    const wanted = Array.from({ length: 1000 }, (_, index) => `EXHIBIT-PAGE-${1000 + index}`);
    expect(wanted.filter((one) => numbers?.includes(one) !== true)).toEqual([]);
  });

  it('copies the same whether it reads many ranges at once, some of them, or one after the other', async () => {
    const plan = planMemory([await startHolder()], CHOICE);
    const lanes = openLanes();
    const { images: wanted } = await copyOf(plan, oneByOne(lanes));
    for (const lane of lanes) expect(lane.readProcess).toBeDefined();
    for (const read of [1, 3, 100, 511]) {
      const { result, images } = await copyOf(plan, cutShort(lanes, read));
      expect(result.unreadable).toEqual([]);
      expect(images[0]?.equals(wanted[0] ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('copies pages that the process itself may not read', async () => {
    const plan = planMemory([await startHolder()], CHOICE);
    const wanted = Buffer.from(Uint8Array.from({ length: PAGE }, (_, index) => 37 * index + 11));
    expect((await copyOf(plan)).images[0]?.includes(wanted)).toBe(true);
  });

  it('takes nothing of another process that has the number of one that ended', async () => {
    const plan = planMemory([await startHolder()], CHOICE);
    child?.kill('SIGKILL');
    if (child !== undefined) await once(child, 'exit');
    const lanes = openLanes().map(({ piece }) => ({
      piece,
      readProcess: async (_pid: number, ranges: readonly PageRange[], pageSize: number) => {
        piece.fill(0xee);
        return ranges.reduce((sum, { pages }) => sum + pages * pageSize, 0);
      },
    }));
    const { result, images } = await copyOf(plan, lanes);
    expect(images[0]?.every((byte) => byte === 0)).toBe(true);
    expect(result.unreadable.reduce((sum, { pages }) => sum + pages, 0)).toBe(plan.bytes / PAGE);
  });

  it('leaves out the kernel’s pages of zeros, where it may see which these are', async () => {
    const process = await startHolder();
    const plain = planMemory([process], CHOICE);
    const { bytes } = planMemory([process], { ...CHOICE, zeroPages: findZeroPages(PAGE) });
    const mayLook = globalThis.process.getuid?.() === 0;
    expect(plain.bytes - bytes).toBeGreaterThanOrEqual(mayLook ? UNTOUCHED_BYTES - PAGE : 0);
  });
});

async function startHolder(): Promise<PlannedProcess> {
  child = spawn(process.execPath, ['-e', HOLDER], { stdio: ['ignore', 'pipe', 'ignore'] });
  if (child.stdout !== null) await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  const pid = child.pid ?? 0;
  const [found] = gatherContainer([pid]).processes;
  return {
    pid,
    containerPid: 5,
    mappings: parseMappings(found?.files.smaps ?? ''),
    descriptors: found?.descriptors ?? [],
    mountinfo: found?.files.mountinfo ?? '',
  };
}

/** As where koffi is not installed. */
const oneByOne = (lanes: readonly CopyLane[]): readonly CopyLane[] =>
  lanes.map(({ piece }) => ({ piece, readProcess: undefined }));

/** Lanes that read so many pages a call at most, with something else behind them. */
const cutShort = (lanes: readonly CopyLane[], pages: number): readonly CopyLane[] =>
  lanes.map(({ piece, readProcess }) => ({
    piece,
    readProcess: async (...args) => {
      const bytes = Math.min(pages * PAGE, (await readProcess?.(...args)) ?? 0);
      piece.fill(0xee, bytes);
      return bytes;
    },
  }));

const UNTOUCHED_BYTES = 64 * 1024 * 1024;

/**
 * A process that has a marker in each of a thousand pages, one in a page that it may not read, and has read memory that it
 * never wrote to.
 */
const HOLDER = `const pages = Buffer.alloc(1000 * 4096);
for (let page = 0; page < 1000; page++) pages.write('EXHIBIT-PAGE-' + (1000 + page), page * 4096 + 100);
const untouched = Buffer.alloc(${UNTOUCHED_BYTES});
let sum = 0;
for (let at = 0; at < untouched.length; at += 4096) sum += untouched[at];
const koffi = require(${JSON.stringify(koffiPath)});
const page = koffi.alloc('uint8_t', 64 * 4096);
const closed = (koffi.address(page) + 4095n) / 4096n * 4096n;
const bytes = new Uint8Array(koffi.view(page, 64 * 4096)).subarray(Number(closed - koffi.address(page)));
for (let index = 0; index < 4096; index++) bytes[index] = 37 * index + 11;
koffi.load(null).func('int mprotect(uintptr_t at, size_t length, int rights)')(closed, 4096, 0);
process.stdout.write('ready');
setTimeout(() => pages[0] + untouched[0], 60_000);`;

function planOfOnePage(): MemoryPlan {
  const process = writeFakeProcess(folder, {
    pid: 3,
    mappings: [fakeMapping(0, 1)],
    pagemap: [PRESENT],
    memory: Buffer.alloc(PAGE, 1),
  });
  return planMemory([process], CHOICE, folder);
}
