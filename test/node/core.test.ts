import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type TestNode, waitLog } from '../../testbed/node.ts';
import { until } from '../../testbed/process.ts';
import { taskPid } from '../../testbed/recording/fixtures.ts';
import { namespace, pod, SHOP, stacks } from '../../testbed/workloads/pods.ts';
import { type DebuggedThread, debug, runGdb } from './support/gdb.ts';
import { useNode } from './support/use-node.ts';

const getNode = useNode();

beforeAll(() => getNode().apply(namespace(SHOP)));

/** Set to before an interrupted system call, which CRIU makes anew: these are not what they were within it. */
const OF_THE_SYSTEM_CALL = ['rip', 'rax', 'eax', 'ax', 'al', 'ah', 'orig_rax'];

const others = ({ registers }: DebuggedThread) =>
  Object.fromEntries(Object.entries(registers).filter(([name]) => !OF_THE_SYSTEM_CALL.includes(name)));

interface Compared {
  readonly alive: readonly DebuggedThread[];
  readonly core: readonly DebuggedThread[];
  /** The process and the way to debug its core. */
  readonly gdb: readonly string[];
  readonly archive: string;
  /** The container's root filesystem. */
  readonly root: string;
}

/** What gdb says of a live process once it says the same twice: threads that have just started still move. */
async function debugAlive(node: TestNode, pid: number): Promise<readonly DebuggedThread[]> {
  let before: unknown;
  return until(
    'all threads to wait',
    async () => {
      const threads = await debug(node, ['-p', `${pid}`]);
      const isStill = threads.length > 0 && isDeepStrictEqual(threads, before);
      before = threads;
      return isStill ? threads : undefined;
    },
    { seconds: 60 },
  );
}

interface CoreOptions {
  readonly archive: string;
  readonly core: string;
  readonly rootfs?: string;
}

async function exportCore({ archive, core, rootfs }: CoreOptions): Promise<void> {
  const filling = rootfs === undefined ? [] : ['--rootfs', rootfs];
  const argv = ['export', 'elf-core', archive, '--pid', '1', '-o', core, ...filling];
  const { code, stderr } = await getNode().exhibit(argv);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

/** Debugs the first process of a container, checkpoints it, and debugs its core with the container's own files. */
async function compare(name: string, executable: string): Promise<Compared> {
  const node = getNode();
  const pid = await taskPid(node, name, name);
  const alive = await debugAlive(node, pid);
  const archive = await node.checkpoint(SHOP, name, name);
  const core = `/tmp/${name}.core`;
  await exportCore({ archive, core });
  const root = `/proc/${pid}/root`;
  const gdb = ['-iex', `set sysroot ${root}`, `${root}${executable}`, '-core', core];
  return { alive, core: await debug(node, gdb), gdb, archive, root };
}

function itIsTheProcess(getCompared: () => Compared, threads: number): void {
  it('has the stack of each thread', () => {
    const { alive, core } = getCompared();
    expect(core.map(({ frames }) => frames)).toEqual(alive.map(({ frames }) => frames));
    expect(core).toHaveLength(threads);
  });

  it('has all registers of each thread', () => {
    const { alive, core } = getCompared();
    expect(core.map(others)).toEqual(alive.map(others));
    expect(Object.keys(core[0]?.registers ?? {}).length).toBeGreaterThan(40);
  });
}

describe('the core of a program without libraries', () => {
  let compared: Compared;
  beforeAll(async () => {
    await getNode().apply(stacks);
    await getNode().waitRunning(SHOP, 'stacks');
    await waitLog(getNode(), SHOP, 'stacks', 'stacks', 'ready');
    compared = await compare('stacks', '/bin/stacks');
  });

  itIsTheProcess(() => compared, 4);

  it('has the frames, arguments and lines of its source', () => {
    const stacks = compared.core.map(({ frames }) => frames.map((frame) => frame.replace(/^0x\w+ in /, '')));
    const main = stacks.find((frames) => frames.at(-1)?.startsWith('main'));
    expect(main).toEqual([
      expect.stringMatching(/^wait_here \(mark=1592590336\) at .*stacks\.c:\d+$/),
      expect.stringMatching(/^serve \(name=0x\w+ "stacks"\) at .*stacks\.c:\d+$/),
      expect.stringMatching(/^main \(argc=2, argv=0x\w+\) at .*stacks\.c:\d+$/),
    ]);
    const depths = stacks.map((frames) =>
      frames.flatMap((frame) => /descend \(depth=(\d)/.exec(frame)?.[1] ?? []),
    );
    expect(depths.map((all) => all.join('')).sort()).toEqual(['', '01', '012', '0123']);
  });

  it('has the marks in the vector registers', () => {
    const marks = compared.core.map(({ registers: { zmm6, ymm6, xmm6 } }) => {
      const words = /v\d_int64 = \{(0x\w+), (0x\w+)/.exec(zmm6 ?? ymm6 ?? xmm6 ?? '')?.slice(1) ?? [];
      return words.map((word) => Number(word) - 0x5eed0000).join();
    });
    expect(marks.sort()).toEqual(['0,0', '1,1', '2,2', '3,3']);
  });

  it('tells what it is of, and shows nothing that is not there', async () => {
    const { gdb } = compared;
    const say = (...commands: string[]) => runGdb(getNode(), gdb, commands);
    expect(await say('info proc')).toContain("exe = 'stacks stacks'");
    expect(await say('info auxv')).toMatch(/AT_EXECFN .*"\/bin\/stacks"/);
    expect(await say('info proc mappings')).toContain('/bin/stacks');
    expect(await say('print $_siginfo.si_signo')).toContain('= 0');
    expect(await say('print has_avx >= 0')).toContain('= 1');
  });
});

describe('the core of a program with libraries', () => {
  const SCRIPT = [
    'import signal, threading',
    'def wait(): threading.Event().wait()',
    'for _ in range(2): threading.Thread(target=wait).start()',
    'print("ready", flush=True)',
    'signal.pause()',
  ].join('\n');

  /** Where the container has Python and its libraries, and where the node has them. */
  const FOLDERS = {
    '/usr/bin': '/usr/bin',
    '/usr/lib': '/usr/lib',
    '/lib': '/usr/lib',
    '/lib64': '/usr/lib64',
  };
  const volumeName = (path: string): string => path.slice(1).replace('/', '-');
  const plain = pod(SHOP, 'python', [{ name: 'python', command: ['/usr/bin/python3', '-c', SCRIPT] }]);
  const python = {
    ...plain,
    spec: {
      ...plain.spec,
      volumes: [...new Set(Object.values(FOLDERS))].map((path) => ({
        name: volumeName(path),
        hostPath: { path },
      })),
      containers: plain.spec.containers.map((container) => ({
        ...container,
        volumeMounts: Object.entries(FOLDERS).map(([mountPath, path]) => ({
          name: volumeName(path),
          mountPath,
          readOnly: true,
        })),
      })),
    },
  };

  let compared: Compared;
  beforeAll(async () => {
    await getNode().apply(python);
    await getNode().waitRunning(SHOP, 'python');
    await waitLog(getNode(), SHOP, 'python', 'python', 'ready');
    compared = await compare('python', '/usr/bin/python3');
  });

  itIsTheProcess(() => compared, 3);

  it('has all code once it is filled from the root filesystem', async () => {
    const { archive, root, gdb } = compared;
    const core = '/tmp/filled.core';
    await exportCore({ archive, core, rootfs: root });
    // Of the program and of the C library.
    const addresses =
      (await runGdb(getNode(), gdb, ['print PyEval_EvalCode', 'print pause'])).match(/0x[0-9a-f]+(?= <)/g) ??
      [];
    expect(addresses).toHaveLength(2);
    const bare = ['-iex', 'set sysroot /nowhere', '-core', core];
    for (const address of addresses) {
      const bytes = (argv: readonly string[]) =>
        runGdb(getNode(), argv, [`output/x *(long (*)[4]) ${address}`]);
      const lastLine = (text: string) => text.trim().split('\n').at(-1);
      expect(lastLine(await bytes(bare))).toBe(lastLine(await bytes(gdb)));
      expect(lastLine(await bytes(bare))).toMatch(/^\{0x/);
    }
  });

  it('finds its libraries by itself', async () => {
    expect(await runGdb(getNode(), compared.gdb, ['info sharedlibrary'])).toMatch(/libc\.so\.6/);
  });
});
