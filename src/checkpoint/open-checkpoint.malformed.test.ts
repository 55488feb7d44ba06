import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forgeTasks, messagesOf, openForged } from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { allKinds, imageKinds } from '../criu/image-kinds.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Everything that a checkpoint can be asked. */
async function readAll(checkpoint: Checkpoint): Promise<void> {
  await checkpoint.statistics();
  await checkpoint.mounts();
  await checkpoint.rootfsChanges();
  for (const file of (await checkpoint.heldFiles()).filter(({ size }) => size < 1_000_000)) {
    for await (const piece of file.content()) expect(piece.length).toBeGreaterThan(0);
  }
  for (const process of await checkpoint.processes()) {
    await process.commandLine();
    await process.environment();
    await process.descriptors();
    const space = await process.addressSpace();
    for (const { start, end, presentBytes } of space?.regions ?? []) {
      expect(presentBytes).toBeLessThanOrEqual(Number(end - start));
      await space?.read(start, 16);
    }
  }
}

const ids = { vm_id: 1, files_id: 1, fs_id: 1, sighand_id: 1 };
const WELL_KNOWN = [
  'mm-1.img',
  'pagemap-1.img',
  'fdinfo-1.img',
  'files.img',
  'reg-files.img',
  'fs-1.img',
  'ids-1.img',
  'remap-fpath.img',
  'memfd.img',
  'mountpoints-1.img',
  'ipcns-shm-1.img',
  'pipes-data.img',
  'sk-queues.img',
  'tty-data.img',
  'tmpfs-dev-1.tar.gz.img',
];

describe('a checkpoint whose JSON is hostile', () => {
  it.each([
    ['null', 'null'],
    ['a number', '7'],
    ['an array', '[[],[]]'],
    ['cut short', '{"id":"ab'],
    ['empty', ''],
    ['not UTF-8', '{"id":"\u0080\u00ff"}'],
    [
      'of other types',
      '{"id":{},"name":[],"annotations":7,"mounts":"x","process":{"args":"sh","env":{}},"hostname":null}',
    ],
    ['nested deeply', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['about prototypes', '{"__proto__":{"id":"x"},"annotations":{"__proto__":"y","constructor":"z"}}'],
  ])('opens where it is %s', async (_, text) => {
    const names = ['config.dump', 'spec.dump', 'network.status', 'status.dump', 'deleted.files'];
    const bytes = Buffer.from(text, 'latin1');
    const checkpoint = await openForged({
      images: forgeTasks([{}]),
      entries: Object.fromEntries(names.map((name) => [name, bytes])),
    });
    await readAll(checkpoint);
    expect(checkpoint.container.id ?? '').not.toBe('x');
    expect(({} as Record<string, unknown>).id).toBeUndefined();
  });

  it('does not read what is too large to be honest', async () => {
    const checkpoint = await openForged({
      images: forgeTasks([{}]),
      entries: { 'spec.dump': Buffer.alloc(17 * 1024 * 1024, '1') },
    });
    expect(messagesOf(checkpoint)).toEqual([expect.stringContaining('the limit is 16777216')]);
  });
});

describe('a checkpoint whose images are hostile', () => {
  it('gives notes for links that lead nowhere', async () => {
    const names = [
      'checkpoint/mm-1.img',
      'checkpoint/files.img',
      'spec.dump',
      'stats-dump',
      'rootfs-diff.tar',
    ];
    const checkpoint = await openForged({
      images: forgeTasks([{ core: { ids } }]),
      members: names.map((name) => ({ name, flag: '1', link: `${name}.nowhere` })),
    });
    await readAll(checkpoint);
    for (const name of names.filter((each) => each !== 'rootfs-diff.tar')) {
      expect(messagesOf(checkpoint)).toContainEqual(expect.stringContaining(`${name} is a hard link to`));
    }
  });

  it('never throws, whatever bytes they hold', async () => {
    const payload = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(new Uint8Array(0)));
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...WELL_KNOWN), payload),
        fc.boolean(),
        async (bodies, framed) => {
          const images = Object.fromEntries(
            Object.entries(bodies).map(([name, body]) => {
              const kind = allKinds.find(({ file }) => file === name.replace('-1.', '-%u.'));
              return [name, framed && kind ? Buffer.concat([forgeImage(kind, []), body]) : body];
            }),
          );
          await readAll(await openForged({ images: { ...forgeTasks([{ core: { ids } }]), ...images } }));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('never throws for numbers of any size in well-formed messages', async () => {
    const u32 = fc.oneof(fc.constantFrom(0, 1, 0xffffffff), fc.nat());
    const u64 = fc.oneof(
      fc.constantFrom(0n, (1n << 64n) - 1n, 1n << 53n),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    );
    const vma = fc.record({
      start: u64,
      end: u64,
      pgoff: u64,
      shmid: u64,
      prot: u32,
      flags: u32,
      status: u32,
    });
    const run = fc.record({ vaddr: u64, nr_pages: u64, flags: u32 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(vma, { maxLength: 4 }),
        fc.array(run, { maxLength: 4 }),
        fc.array(u64, { minLength: 14, maxLength: 14 }),
        u64,
        async (vmas, runs, numbers, size) => {
          const names = [
            'mm_start_code',
            'mm_end_code',
            'mm_start_data',
            'mm_end_data',
            'mm_start_stack',
            'mm_start_brk',
            'mm_brk',
            'mm_arg_start',
            'mm_arg_end',
            'mm_env_start',
            'mm_env_end',
          ];
          const mm = {
            ...Object.fromEntries(names.map((name, index) => [name, numbers[index]])),
            exe_file_id: 1,
            mm_saved_auxv: [6n, numbers[12]],
            vmas: vmas.map((each) => ({ ...each, fd: -1n })),
            aios: [],
          };
          const pagemap = forgeImage(imageKinds.pagemap, [
            { message: { pages_id: 1 } },
            ...runs.map((each) => ({ message: { compat_nr_pages: 0, ...each } })),
          ]);
          const memfd = { name: 'x', uid: 0, gid: 0, size, shmid: 1, seals: 0, inode_id: 1n };
          await readAll(
            await openForged({
              images: {
                ...forgeTasks([{}]),
                'mm-1.img': forgeImage(imageKinds.mm, [{ message: mm }]),
                'pagemap-1.img': pagemap,
                'pagemap-shmem-1.img': pagemap,
                'memfd.img': forgeImage(imageKinds.memfd, [{ message: memfd }]),
                'pages-1.img': new Uint8Array(5000),
              },
            }),
          );
        },
      ),
      { numRuns: 150 },
    );
  });
});
