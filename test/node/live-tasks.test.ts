/**
 * Processes, threads and address spaces of one container as /proc and ptrace show them, and as CRIU writes them right
 * afterwards: field by field, but for what is left out below with its reason. Both are read by the same reader.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../../src/archive/open-archive.ts';
import { openFileSource } from '../../src/bytes/file-source.ts';
import type { LiveImage } from '../../src/capture/live/live-image.ts';
import { imageMessages } from '../../src/capture/testing/image-messages.ts';
import { imageKinds } from '../../src/criu/image-kinds.ts';
import type { MmEntry, VmaEntry } from '../../src/criu/schemas/memory.ts';
import type { CoreEntry, PstreeEntry } from '../../src/criu/schemas/process.ts';
import { waitLog } from '../../testbed/node.ts';
import { namespace, SHOP, zoo } from '../../testbed/workloads/pods.ts';
import { captureImages, containerId } from './support/live-images.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

let live: readonly LiveImage[];
let criu: readonly LiveImage[];

beforeAll(async () => {
  node().setRuncOptions('file-locks');
  await node().apply(namespace(SHOP), zoo);
  await node().waitRunning(SHOP, 'zoo');
  await waitLog(node(), SHOP, 'zoo', 'zoo', 'ready');
  live = await captureImages(node(), await containerId(node(), 'zoo'));
  criu = await imagesOf(await node().checkpoint(SHOP, 'zoo', 'zoo'));
});

async function imagesOf(file: string): Promise<readonly LiveImage[]> {
  const archive = await openArchive(await openFileSource(node().hostPath(file)));
  const images: LiveImage[] = [];
  for (const entry of archive.entries.filter(({ path }) => /^checkpoint\/(?!pages).*\.img$/.test(path))) {
    const bytes = await archive.open(entry).read(0, entry.size);
    images.push({ name: entry.path.replace('checkpoint/', ''), bytes });
  }
  await archive.close();
  return images;
}

const treeOf = async (images: readonly LiveImage[]): Promise<readonly PstreeEntry[]> => {
  const tree = await imageMessages(images, 'pstree.img', imageKinds.pstree);
  const zombies = new Set<number>();
  for (const { pid } of tree) if (!images.some(({ name }) => name === `mm-${pid}.img`)) zombies.add(pid);
  // CRIU writes what happens to be in memory as the thread of a zombie.
  return tree
    .map((entry) => (zombies.has(entry.pid) ? { ...entry, threads: [entry.pid] } : entry))
    .sort((a, b) => a.pid - b.pid);
};

/** By thread, without what only code inside the process is told, by which CRIU asks. */
async function coresOf(images: readonly LiveImage[]): Promise<ReadonlyMap<string, unknown>> {
  const names = images.map(({ name }) => name).filter((name) => name.startsWith('core-'));
  const cores = new Map<string, unknown>();
  for (const name of names.sort()) {
    const [core] = await imageMessages(images, name, imageKinds.core);
    if (core) cores.set(name, comparable(core));
  }
  return cores;
}

function comparable({ thread_info, tc, thread_core, ...core }: CoreEntry): unknown {
  // set_tid_address(2), and entries of the GDT that 64-bit programs do not use.
  const { clear_tid_addr: _tid, tls: _tls, ...registers } = thread_info ?? {};
  // setitimer(2), sigaction(2), prctl(2).
  const { timers: _timers, sigactions: _actions, child_subreaper: _reaper, ...process } = tc ?? {};
  // sigaltstack(2); a thread without rseq(2) has zeros in CRIU's image.
  const { sas: _sas, rseq_entry, ...thread } = thread_core ?? {};
  const rseq = rseq_entry?.rseq_abi_pointer ? rseq_entry : undefined;
  // One that counts moments has gone on between the two.
  const isStill = thread_core?.comm !== BUSY;
  return {
    ...core,
    registers: isStill ? withSettledState(registers) : undefined,
    process,
    thread: { ...thread, rseq },
  };
}

const BUSY = 'memfd:kdevtmpfs';

/**
 * The shadow stack is no part of what ptrace calls the extended state. Whether registers that are all zeros are marked as
 * such (xstate_bv) is the processor's to say each time that it saves them.
 */
function withSettledState(registers: Partial<NonNullable<CoreEntry['thread_info']>>): unknown {
  const { fpregs } = registers;
  if (fpregs?.xsave === undefined) return registers;
  const { cet: _, xstate_bv: _marks, ...xsave } = fpregs.xsave;
  return { ...registers, fpregs: { ...fpregs, xsave } };
}

async function spacesOf(images: readonly LiveImage[]): Promise<ReadonlyMap<string, unknown>> {
  const names = images.map(({ name }) => name).filter((name) => name.startsWith('mm-'));
  const spaces = new Map<string, unknown>();
  for (const name of names.sort()) {
    const [mm] = await imageMessages(images, name, imageKinds.mm);
    if (mm) spaces.set(name, comparableSpace(mm));
  }
  return spaces;
}

const PAGE = 4096n;
const SYSV = 0x501;
const VVAR = 0x1201;

/** Ids in files.img are each its own; brk(2) and prctl(2) tell the process alone. */
function comparableSpace({ exe_file_id: _exe, dumpable: _, mm_brk, ...mm }: MmEntry): unknown {
  const vmas = mm.vmas.reduce(withOneVvar, []).map(comparableVma);
  return { ...mm, mm_brk: ((mm_brk + PAGE - 1n) / PAGE) * PAGE, vmas };
}

/** CRIU makes one of [vvar] and [vvar_vclock], which lie side by side. */
function withOneVvar(vmas: readonly VmaEntry[], vma: VmaEntry): readonly VmaEntry[] {
  const last = vmas.at(-1);
  const isSecond = last?.status === VVAR && vma.status === VVAR && last.end === vma.start;
  return isSecond ? [...vmas.slice(0, -1), { ...last, end: vma.end }] : [...vmas, vma];
}

/** Of a file it is the id that each gives in its own way, of a System V segment its own. */
function comparableVma({ shmid, ...vma }: VmaEntry): unknown {
  return vma.status === SYSV ? { ...vma, shmid } : vma;
}

describe('of one container, /proc with ptrace and CRIU tell the same', () => {
  it('of the tree of processes', async () => {
    const expected = await treeOf(criu);
    expect(await treeOf(live)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(7);
  });

  it('of each thread: registers, credentials, limits, signals', async () => {
    const expected = await coresOf(criu);
    expect(await coresOf(live)).toEqual(expected);
    expect(expected.size).toBeGreaterThan(10);
  });

  it('of each address space', async () => {
    expect(await spacesOf(live)).toEqual(await spacesOf(criu));
  });

  it('of the names of its host', async () => {
    const names = async (images: readonly LiveImage[]) => {
      const image = images.find(({ name }) => name.startsWith('utsns-'));
      return imageMessages(images, image?.name ?? '', imageKinds.utsns);
    };
    expect(await names(criu)).toEqual([{ nodename: 'zoo', domainname: '(none)' }]);
    expect(await names(live)).toEqual(await names(criu));
  });

  it('of System V IPC, messages and semaphores, byte for byte', async () => {
    const ipc = (images: readonly LiveImage[]) =>
      images
        .filter(({ name }) => name.startsWith('ipcns-'))
        .map(({ name, bytes }) => ({ kind: name.replace(/-\d+\.img$/, ''), bytes }))
        .sort((a, b) => a.kind.localeCompare(b.kind));
    expect(ipc(criu)).toHaveLength(4);
    expect(ipc(live)).toEqual(ipc(criu));
  });

  it('of which processes share their descriptors, folders, memory and handlers', async () => {
    const sharers = async (images: readonly LiveImage[]) => {
      const found: string[] = [];
      const seen = new Map<string, number>();
      for (const { pid } of await imageMessages(images, 'pstree.img', imageKinds.pstree)) {
        const [ids] = await imageMessages(images, `ids-${pid}.img`, imageKinds.ids);
        for (const part of ['vm_id', 'files_id', 'fs_id', 'sighand_id'] as const) {
          const key = `${part} ${ids?.[part]}`;
          const first = seen.get(key);
          if (ids && first !== undefined) found.push(`${pid} has the ${part} of ${first}`);
          if (ids) seen.set(key, first ?? pid);
        }
      }
      return found.sort();
    };
    expect(await sharers(live)).toEqual(await sharers(criu));
  });

  it('of control groups', async () => {
    // The testbed's node has a cgroup namespace of its own, and this test is outside.
    const sets = async (images: readonly LiveImage[]) =>
      (await imageMessages(images, 'cgroup.img', imageKinds.cgroup)).flatMap((entry) =>
        entry.sets.map(({ id, ctls }) => [
          id,
          ctls.map(({ name, path }) => [name, path.replace(/^.*(?=\/k8s.io)/, '')]),
        ]),
      );
    expect(await sets(live)).toEqual(await sets(criu));
  });
});

it('crit shows the processes', async () => {
  const folder = '/tmp/live-tasks';
  await node().exec(['mkdir', '-p', folder]);
  for (const { name, bytes } of live) writeFileSync(join(node().hostPath(folder), name), bytes);
  const show = async (what: string) => (await node().exec(['crit', 'x', folder, what])).stdout;
  const processes = await show('ps');
  expect(processes).toMatch(/^\s*1\s+1\s+1\s+pause$/m);
  expect(processes).toMatch(/^\s*\d+\s+1\s+1\s+family$/m);
  expect(await show('mems')).toMatch(/family[\s\S]*\/bin\/family/);
});

it('the command writes an archive of it without gaps, which reads without damage', async () => {
  const captured = await node().exhibit(['capture', 'shop/zoo', '--via', 'node', '--json']);
  const { archive, live: told } = JSON.parse(captured.stdout);
  expect(told.gaps).toEqual([]);
  const { code, stderr } = await node().exhibit(['inspect', archive.path]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
