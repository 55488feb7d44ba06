/** Core files of archives that no honest CRIU wrote: refused in one sentence, or written as far as they can be. */
import { describe, expect, it } from 'vitest';
import {
  type ForgedTask,
  type ForgedVma,
  forgedFile,
  forgeMm,
  forgePagemap,
  forgeTasks,
  type Images,
  openForged,
} from '../../../test/support/checkpoint-forge.ts';
import { MemorySink, readCore } from '../../../test/support/core-reader.ts';
import { forgeImage } from '../../../test/support/criu-forge.ts';
import { bufferSource } from '../../bytes/byte-source.ts';
import type { RootFiles } from '../../checkpoint/root-files.ts';
import { imageKinds } from '../../criu/image-kinds.ts';
import { type ElfCore, writeElfCore } from './elf-core.ts';

const PAGE = 4096;
const AT = 0x10000n;
const PRESENT = 4;
const SHARED = { status: 0x101, flags: 0x21, shmid: 7n };

const X86 = { thread_info: { clear_tid_addr: 0n, gpregs: { ip: 1n, sp: 2n }, fpregs: { cwd: 3 } } };

const memory = (vmas: readonly ForgedVma[], auxv: readonly bigint[] = []): Images => ({
  'mm-1.img': forgeMm({ vmas, auxv }),
  'pagemap-1.img': forgePagemap([[AT, 1, PRESENT]]),
  'pages-1.img': new Uint8Array(PAGE).fill(7),
});
const ONE_PAGE = memory([{ start: AT, end: AT + 4096n }]);

async function exportForged(task: ForgedTask, images: Images, rootfs?: RootFiles) {
  const checkpoint = await openForged({ images: { ...forgeTasks([task]), ...images } });
  const [process] = await checkpoint.processes();
  if (process === undefined) throw new Error('no process');
  const sink = new MemorySink();
  const notes: string[] = [];
  const summary: ElfCore = await writeElfCore(checkpoint, process, sink, {
    rootfs,
    onNote: ({ message }) => notes.push(message),
  });
  return { summary, notes, core: readCore(sink.bytes(summary.size)) };
}

describe('what cannot be a core file is refused', () => {
  it.each<readonly [string, ForgedTask, Images, RegExp]>([
    ['a zombie', { state: 2 }, {}, /process 1 is a zombie: it had no memory/],
    ['a process without memory', { core: X86 }, {}, /process 1 has no memory in the archive/],
    ['one without registers', {}, ONE_PAGE, /no registers of process 1/],
    [
      'one of another machine',
      { core: { mtype: 'S390', ti_s390: { psw_addr: 1n } } },
      ONE_PAGE,
      /ran on S390; core files are written of/,
    ],
    ['one of a machine that nobody knows', { core: { ...X86, mtype: 99 } }, ONE_PAGE, /ran on 99;/],
    [
      'one that ran 32-bit code',
      { core: { thread_info: { ...X86.thread_info, gpregs: { ip: 1n, mode: 'COMPAT' } } } },
      ONE_PAGE,
      /ran 32-bit code;/,
    ],
  ])('%s', async (_, task, images, message) => {
    await expect(exportForged(task, images)).rejects.toMatchObject({
      code: 'NOT_EXPORTABLE',
      message: expect.stringMatching(message),
    });
  });

  it('one page of shared memory that is mapped until it fills the disk', async () => {
    const vmas = Array.from({ length: 2000 }, (_, index) => {
      const start = 0x100000n * BigInt(index + 1);
      return { ...SHARED, start, end: start + 64n * 4096n };
    });
    const images = {
      ...memory(vmas),
      'pagemap-shmem-7.img': forgePagemap([[0n, 64, PRESENT]], 2),
      'pages-2.img': new Uint8Array(64 * PAGE).fill(1),
    };
    await expect(exportForged({ core: X86 }, images)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

it('one file that is mapped until it fills the disk is refused', async () => {
  const vmas = Array.from({ length: 100 }, (_, index) => {
    const start = 0x1000000n * BigInt(index + 1);
    return { status: 0x41, flags: 2, shmid: 5n, start, end: start + 0x100000n };
  });
  const images = { ...memory(vmas), 'files.img': forgeImage(imageKinds.files, [forgedFile(5, '/bin/web')]) };
  const { size, read } = bufferSource(new Uint8Array(0x100000));
  const open = async () => ({ size, read, close: async () => undefined });
  await expect(exportForged({ core: X86 }, images, { name: 'rootfs', open })).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
  });
});

describe('what is damaged is written as far as it goes', () => {
  it('without a thread whose registers are lost, which is told', async () => {
    const task = { core: X86, threads: [1, 2] };
    const { summary, notes, core } = await exportForged(task, ONE_PAGE);
    expect(summary).toMatchObject({ threads: 1, present: PAGE });
    expect(notes).toEqual(['thread 2 of process 1 is left out of the core: its registers are not known']);
    expect(core.segments).toHaveLength(1);
  });

  it('without a thread of another machine', async () => {
    const core = { mtype: 'AARCH64', ti_aarch64: { gpregs: { pc: 1n } } };
    const images = { ...ONE_PAGE, 'core-2.img': forgeImage(imageKinds.core, [{ message: core }]) };
    const { notes } = await exportForged({ core: X86, threads: [1, 2] }, images);
    expect(notes).toHaveLength(1);
  });

  it('with odd addresses, huge mappings and pages of no mapping', async () => {
    const vmas = [
      { start: 0x5001n, end: 0x7003n },
      { start: 1n << 47n, end: (1n << 64n) - 1n },
    ];
    const { core, summary } = await exportForged({ core: X86 }, memory(vmas));
    const found = core.segments.map(({ address, memorySize, offset, flags }) => [
      address,
      memorySize,
      offset % PAGE,
      flags,
    ]);
    expect(found).toEqual([
      [0x5001n, 0x2002n, 1, 6],
      [AT, 4096n, 0, 4],
      [1n << 47n, (1n << 64n) - 1n - (1n << 47n), 0, 6],
    ]);
    expect(summary.size).toBeLessThan(100_000);
  });

  it('with texts of any length and an auxiliary vector of any length', async () => {
    const auxv = Array.from({ length: 5000 }, () => 1n);
    const task = { core: X86, comm: `${'é'.repeat(300)}\0` };
    const { core } = await exportForged(task, memory([{ start: AT, end: AT + 4096n }], auxv));
    const [, prpsinfo, , auxiliary] = core.notes;
    expect(prpsinfo?.descriptor).toHaveLength(136);
    expect(prpsinfo?.descriptor.subarray(40, 56).at(-1)).toBe(0);
    expect(auxiliary?.descriptor).toHaveLength(1024);
  });

  it('with registers of any number of words', async () => {
    const fpregs = {
      st_space: Array(9999).fill(1),
      xmm_space: Array(9999).fill(2),
      xsave: { ymmh_space: Array(9999).fill(3) },
    };
    const { core } = await exportForged({ core: { thread_info: { ...X86.thread_info, fpregs } } }, ONE_PAGE);
    expect(core.notes.slice(-2).map(({ descriptor }) => descriptor.length)).toEqual([512, 832]);
  });
});
