import { describe, expect, it } from 'vitest';
import { byteAt, type CoreFile, MemorySink, readCore } from '../../../test/support/core-reader.ts';
import { withFixture } from '../../../test/support/fixture.ts';
import type { Checkpoint, Process } from '../../checkpoint/checkpoint.ts';
import { type ElfCore, writeElfCore } from './elf-core.ts';

const NT = {
  prstatus: 1,
  fpregset: 2,
  prpsinfo: 3,
  auxv: 6,
  xstate: 0x202,
  siginfo: 0x53494749,
  file: 0x46494c45,
};

interface Exported {
  readonly summary: ElfCore;
  readonly core: CoreFile;
  readonly file: Buffer;
}

async function exported(checkpoint: Checkpoint, process: Process): Promise<Exported> {
  const sink = new MemorySink();
  const summary = await writeElfCore(checkpoint, process, sink);
  const file = sink.bytes(summary.size);
  return { summary, core: readCore(file), file };
}

async function processOf(checkpoint: Checkpoint, pid: number): Promise<Process> {
  const process = (await checkpoint.processes()).find((each) => each.pid === pid);
  if (process === undefined) throw new Error(`no process ${pid}`);
  return process;
}

describe('the core of a recorded process with four threads', () => {
  const withFamily = (action: (exported: Exported, process: Process) => Promise<void> | void) =>
    withFixture('containerd-zoo', async (checkpoint) => {
      const process = await processOf(checkpoint, 7);
      await action(await exported(checkpoint, process), process);
    });

  it('has its notes in the order in which the kernel writes them', () =>
    withFamily(({ core, summary }) => {
      const thread = [NT.prstatus, NT.fpregset, NT.xstate];
      const first = [NT.prstatus, NT.prpsinfo, NT.siginfo, NT.auxv, NT.file, NT.fpregset, NT.xstate];
      expect(core.notes.map(({ type }) => type)).toEqual([...first, ...thread, ...thread, ...thread]);
      expect(core.machine).toBe(62);
      expect(summary).toMatchObject({
        pid: 7,
        comm: 'family',
        machine: 'X86_64',
        threads: 4,
        present: 40960,
      });
    }));

  it('tells of each thread who it is and where it stood', () =>
    withFamily(({ core }, process) => {
      const statuses = core.notes.filter(({ type }) => type === NT.prstatus);
      expect(statuses).toHaveLength(process.threads.length);
      for (const [index, { descriptor }] of statuses.entries()) {
        const thread = process.threads[index];
        expect(descriptor).toHaveLength(336);
        expect([32, 36, 40, 44].map((at) => descriptor.readInt32LE(at))).toEqual([
          thread?.tid,
          process.parentPid,
          process.processGroup,
          process.session,
        ]);
        expect(descriptor.readBigUInt64LE(112 + 128)).toBe(thread?.instructionPointer);
        expect(descriptor.readBigUInt64LE(112 + 152)).toBe(thread?.stackPointer);
        expect(descriptor.readInt32LE(328)).toBe(1);
      }
    }));

  it('tells who the process was', () =>
    withFamily(({ core }) => {
      const info = core.notes.find(({ type }) => type === NT.prpsinfo)?.descriptor ?? Buffer.alloc(0);
      expect([
        info.length,
        info.toString('latin1', 1, 2),
        info.readInt32LE(24),
        info.readInt32LE(28),
      ]).toEqual([136, 'R', 7, 1]);
      expect(info.toString('latin1', 40).split('\0').filter(Boolean)).toEqual(['family', 'family']);
    }));

  it('names the files that are mapped, with offsets in pages', () =>
    withFamily(({ core }) => {
      const note = core.notes.find(({ type }) => type === NT.file)?.descriptor ?? Buffer.alloc(0);
      expect([note.readBigUInt64LE(0), note.readBigUInt64LE(8)]).toEqual([4n, 4096n]);
      expect([16, 24, 32, 40, 48, 56].map((at) => note.readBigUInt64LE(at))).toEqual([
        0x400000n,
        0x401000n,
        0n,
        0x401000n,
        0x406000n,
        1n,
      ]);
      expect(note.toString('latin1', 16 + 4 * 24)).toBe('/bin/family\0'.repeat(4));
    }));

  it('hands on the auxiliary vector', () =>
    withFamily(({ core }, process) => {
      const note = core.notes.find(({ type }) => type === NT.auxv)?.descriptor ?? Buffer.alloc(0);
      const words = Array.from({ length: note.length / 8 }, (_, index) => note.readBigUInt64LE(index * 8));
      expect(words).toEqual(process.auxiliaryVector);
      expect(words).toContain(4096n);
    }));
});

describe('the memory in a core', () => {
  it.each([
    ['containerd-zoo', 18],
    ['containerd-compromised', 1],
    ['podman-web', 1],
  ])('of %s, process %i, is the process’s, byte for byte', async (fixture, pid) => {
    await withFixture(fixture, async (checkpoint) => {
      const process = await processOf(checkpoint, pid);
      const { core, file, summary } = await exported(checkpoint, process);
      const space = await process.addressSpace();
      let seen = 0;
      for (const region of space?.regions ?? []) {
        const length = Number(region.end - region.start);
        const { bytes, extents } = (await space?.read(region.start, length)) ?? {};
        for (const { start, length: size, origin } of extents ?? []) {
          if (origin !== 'present' && origin !== 'zero') continue;
          const from = Number(start - region.start);
          const there = Buffer.from(
            Array.from({ length: size }, (_, at) => byteAt(core, file, start + BigInt(at)) ?? -1),
          );
          expect(there.equals(bytes?.subarray(from, from + size) ?? there)).toBe(true);
          if (origin === 'present') seen += size;
        }
      }
      expect(seen).toBe(summary.present);
      expect(seen).toBeGreaterThan(0);
    });
  });

  it('is told by what is not in it', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      const { summary } = await exported(checkpoint, await processOf(checkpoint, 18));
      expect(summary.absent).toEqual({ file: 28672, kernel: 28672 });
    });
  });

  it('is written with progress up to its end', async () => {
    await withFixture('podman-web', async (checkpoint) => {
      const progress: (readonly [number, number])[] = [];
      const process = await processOf(checkpoint, 1);
      const summary = await writeElfCore(checkpoint, process, new MemorySink(), {
        onProgress: (done, total) => progress.push([done, total]),
      });
      expect(progress.at(-1)).toEqual([summary.present, summary.present]);
    });
  });
});
