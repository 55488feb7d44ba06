/** The core file of a container that was captured without CRIU, in gdb, beside what gdb says of the process itself. */
import { beforeAll, expect, it } from 'vitest';
import { waitLog } from '../../testbed/node.ts';
import { taskPid } from '../../testbed/recording/fixtures.ts';
import { namespace, SHOP, stacks } from '../../testbed/workloads/pods.ts';
import { type DebuggedThread, debug } from './support/gdb.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const CORE = '/tmp/live-stacks.core';

let alive: readonly DebuggedThread[];
let core: readonly DebuggedThread[];

beforeAll(async () => {
  await node().apply(namespace(SHOP), stacks);
  await node().waitRunning(SHOP, 'stacks');
  await waitLog(node(), SHOP, 'stacks', 'stacks', 'ready');
  const pid = await taskPid(node(), 'stacks', 'stacks');
  const captured = await node().exhibit(['capture', 'shop/stacks', '--via', 'node', '--json']);
  const { archive, live } = JSON.parse(captured.stdout);
  expect(live.gaps).toEqual([]);
  const { code, stderr } = await node().exhibit([
    'export',
    'elf-core',
    archive.path,
    '--pid',
    '1',
    '-o',
    CORE,
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const root = `/proc/${pid}/root`;
  core = await debug(node(), ['-iex', `set sysroot ${root}`, `${root}/bin/stacks`, '-core', CORE]);
  alive = await debug(node(), ['-p', `${pid}`]);
});

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
