/** The core file of a container that was captured without CRIU, in gdb, beside what gdb says of the process itself. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { openArchive } from '../../src/archive/open-archive.ts';
import { openFileSource } from '../../src/bytes/file-source.ts';
import { waitLog } from '../../testbed/node.ts';
import { taskPid } from '../../testbed/recording/fixtures.ts';
import { namespace, SHOP, stacks } from '../../testbed/workloads/pods.ts';
import { forgeCheckpointTar } from '../support/checkpoint-forge.ts';
import { type DebuggedThread, debug } from './support/gdb.ts';
import { copyContainer } from './support/live-copy.ts';
import { captureImages, containerId } from './support/live-images.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const ARCHIVE = '/tmp/live-stacks.tar';
const CORE = '/tmp/live-stacks.core';

let alive: readonly DebuggedThread[];
let core: readonly DebuggedThread[];

beforeAll(async () => {
  await node().apply(namespace(SHOP), stacks);
  await node().waitRunning(SHOP, 'stacks');
  await waitLog(node(), SHOP, 'stacks', 'stacks', 'ready');
  const pid = await taskPid(node(), 'stacks', 'stacks');
  await writeArchive(await containerId(node(), 'stacks'));
  const { code, stderr } = await node().exhibit(['export', 'elf-core', ARCHIVE, '--pid', '1', '-o', CORE]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const root = `/proc/${pid}/root`;
  core = await debug(node(), ['-iex', `set sysroot ${root}`, `${root}/bin/stacks`, '-core', CORE]);
  alive = await debug(node(), ['-p', `${pid}`]);
});

/** All threads wait for good: memory and registers of two moments are the same. */
async function writeArchive(id: string): Promise<void> {
  const copy = join(node().state.folder, 'stacks-memory.tar');
  await copyContainer(node(), id, copy);
  const memory = await openArchive(await openFileSource(copy));
  const images: Record<string, Uint8Array> = {};
  for (const entry of memory.entries) {
    images[entry.path.replace('checkpoint/', '')] = await memory.open(entry).read(0, entry.size);
  }
  await memory.close();
  rmSync(copy);
  for (const { name, bytes } of await captureImages(node(), id)) images[name] = bytes;
  const tar = forgeCheckpointTar({ images, entries: { 'config.dump': {}, 'spec.dump': {} } });
  writeFileSync(node().hostPath(ARCHIVE), tar);
}

it('has the stack of each thread', () => {
  expect(core.map(({ frames }) => frames)).toEqual(alive.map(({ frames }) => frames));
  const depths = core.map(({ frames }) => frames.filter((frame) => frame.includes('descend (')).length);
  expect(depths.sort()).toEqual([0, 2, 3, 4]);
});

it('has all registers of each thread, but those of the call that is made again', () => {
  const ofTheCall = new Set(['rip', 'rax', 'eax', 'ax', 'al', 'ah', 'orig_rax']);
  const others = ({ registers }: DebuggedThread) =>
    Object.fromEntries(Object.entries(registers).filter(([name]) => !ofTheCall.has(name)));
  expect(core.map(others)).toEqual(alive.map(others));
  expect(Object.keys(core[0]?.registers ?? {}).length).toBeGreaterThan(40);
});
