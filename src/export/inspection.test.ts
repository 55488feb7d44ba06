import { describe, expect, it } from 'vitest';
import { address } from '../bytes/brand.ts';
import type { Checkpoint, Process } from '../checkpoint/checkpoint.ts';
import type { Descriptor } from '../checkpoint/descriptors.ts';
import { capabilityNames } from './capability-names.ts';
import { INSPECTION_PARTS, type InspectionPart, inspectCheckpoint } from './inspection.ts';
import { growTrees, walkTree } from './inspection-processes.ts';

const location = { entry: 'checkpoint/core-1.img', offset: 12, length: 40 };

function process(pid: number, parentPid: number, more: Partial<Process> = {}): Process {
  return {
    pid,
    parentPid,
    processGroup: pid,
    session: 1,
    comm: `p${pid}`,
    state: 'alive',
    exitCode: 0,
    threads: [],
    credentials: undefined,
    namespaces: {},
    executable: undefined,
    workingDirectory: undefined,
    root: undefined,
    umask: undefined,
    auxiliaryVector: [],
    location,
    addressSpace: async () => undefined,
    commandLine: async () => [`/bin/p${pid}`, '-x'],
    environment: async () => ['A=1', 'A=2', '=odd', 'setproctitle', '__proto__=x'],
    descriptors: async () => [],
    timers: async () => [],
    ...more,
  };
}

function checkpoint(processes: readonly Process[]): Checkpoint {
  const archive = {
    storedSize: 10,
    compression: 'none',
    find: () => undefined,
  } as unknown as Checkpoint['archive'];
  return {
    name: 'web.tar',
    archive,
    engine: 'cri-o',
    container: {
      id: 'abc',
      name: 'web',
      image: undefined,
      imageId: undefined,
      runtime: 'runc',
      created: '2026-11-24T09:04:39.123456789+01:00',
      checkpointed: undefined,
      ip: undefined,
      mac: undefined,
      hostname: undefined,
      arguments: [],
      environment: [],
      annotations: { a: 'b' },
    },
    pod: { name: 'web-0', namespace: 'shop', uid: undefined },
    sizes: { total: 3, memoryPages: 2, rootfsDiff: 1 },
    statistics: async () => undefined,
    processes: async () => processes,
    mounts: async () => [],
    rootfsChanges: async () => [],
    heldFiles: async () => [],
    kernel: {
      controlGroups: async () => ({ sets: [], groups: [] }),
      ipc: async () => [],
      networks: async () => [],
      seccompFilters: async () => [],
    },
    notes: () => [],
  };
}

const inspect = (processes: readonly Process[], parts: readonly InspectionPart[], pid?: number) =>
  inspectCheckpoint(checkpoint(processes), { parts: new Set(parts), pid });

describe('inspectCheckpoint', () => {
  it('identifies the container and leaves out what was not asked for or is not known', async () => {
    expect(await inspect([process(1, 0)], [])).toEqual({
      archive: 'web.tar',
      archive_size: 10,
      compression: 'none',
      container_name: 'web',
      image: '',
      id: 'abc',
      runtime: 'runc',
      created: '2026-11-24T09:04:39+01:00',
      created_at: '2026-11-24T09:04:39.123456789+01:00',
      engine: 'CRI-O',
      pod: { name: 'web-0', namespace: 'shop' },
      checkpoint_size: { total_size: 3, memory_pages_size: 2, root_fs_diff_size: 1 },
      notes: [],
    });
  });

  it('keeps every environment string, and those with a name by name', async () => {
    const { process_tree } = await inspect([process(1, 0)], ['processes', 'environment']);
    expect(process_tree?.environment).toEqual(['A=1', 'A=2', '=odd', 'setproctitle', '__proto__=x']);
    expect(Object.entries(process_tree?.environment_variables ?? {})).toEqual([
      ['A', '2'],
      ['__proto__', 'x'],
    ]);
  });

  it('tells only the process that was asked for and those below it', async () => {
    const processes = [process(1, 0), process(2, 1), process(3, 2), process(4, 1)];
    const { process_tree, file_descriptors } = await inspect(
      processes,
      ['processes', 'commands', 'files'],
      2,
    );
    expect(process_tree).toMatchObject({ pid: 2, cmdline: '/bin/p2 -x', children: [{ pid: 3 }] });
    expect(file_descriptors?.map(({ pid }) => pid)).toEqual([2, 3]);
  });

  it('refuses a process that is not there', async () => {
    await expect(inspect([process(1, 0)], ['processes'], 7)).rejects.toMatchObject({
      code: 'NO_SUCH_PROCESS',
    });
  });

  it('gives every part of an archive that has nothing', async () => {
    expect(await inspect([], INSPECTION_PARTS)).toMatchObject({
      file_descriptors: [],
      sockets: [],
      mounts: [],
    });
  });

  it('names files and sockets as checkpointctl does', async () => {
    const base = { flags: 0o2, closeOnExec: false, location: undefined };
    const queues = { inode: 77, sendBuffer: 16384, receiveBuffer: 0, unsentBytes: 0, unreadBytes: 12 };
    const descriptors: readonly Descriptor[] = [
      { ...base, fd: 0, fileId: 5, path: 'pipe:[9]', kind: 'pipe', pipeId: 9, unreadBytes: 3 },
      { ...base, fd: 1, fileId: 6, path: '/run/fifo', kind: 'pipe', pipeId: 10, unreadBytes: 0 },
      { ...base, fd: 2, fileId: 7, path: 'anon_inode:[eventfd]', kind: 'eventfd' },
      {
        ...base,
        fd: 3,
        fileId: 8,
        path: 'socket:[77]',
        kind: 'socket',
        socket: {
          ...queues,
          family: 'unix',
          type: 'stream',
          state: 'LISTEN',
          name: '/run/x.sock',
          peerInode: 0,
        },
      },
      {
        ...base,
        fd: 4,
        fileId: 9,
        path: '/tmp/x (deleted)',
        kind: 'file',
        file: { path: '/tmp/x', deleted: true, memfd: false, location: undefined },
        position: 2n,
      },
    ];
    const init = process(1, 0, {
      descriptors: async () => descriptors,
      root: { path: '/', deleted: false, memfd: false, location: undefined },
    });
    const { file_descriptors, sockets } = await inspect([init], ['files', 'sockets']);
    expect(
      file_descriptors?.[0]?.open_files.map(({ type, fd, path, target }) => [type, fd, path, target]),
    ).toEqual([
      ['PIPE', 'PIPE 0', 'pipe[9]', 'pipe:[9]'],
      ['FIFO', 'FIFO 1', 'FIFO.6', '/run/fifo'],
      ['EVENTFD', 'EVENTFD 2', 'EVENTFD.7', 'anon_inode:[eventfd]'],
      ['UNIXSK', 'UNIXSK 3', 'unix[77 (0) /run/x.sock]', 'socket:[77]'],
      ['REG', 'REG 4', '/tmp/x', '/tmp/x (deleted)'],
      ['', 'root', '/', '/'],
    ]);
    expect(sockets).toEqual([
      {
        pid: 1,
        open_sockets: [
          {
            data: { type: 'UNIX', address: '/run/x.sock' },
            fd: 3,
            file_id: 8,
            family: 'unix',
            inode: 77,
            unread_bytes: 12,
            unsent_bytes: 0,
            send_buffer_size: 16384,
            receive_buffer_size: 0,
            socket_type: 'stream',
            socket_state: 'LISTEN',
            peer_inode: 0,
          },
        ],
      },
    ]);
  });

  it('tells memory maps as strings that no number format can round', async () => {
    const space = {
      regions: [
        {
          start: address(0xffff_ffff_ff60_0000n),
          end: address(0xffff_ffff_ff60_1000n),
          permissions: '--xp',
          fileOffset: 0n,
          kind: 'vsyscall',
          name: '[vsyscall]',
          presentBytes: 0,
          location,
        },
      ],
    } as unknown as Awaited<ReturnType<Process['addressSpace']>>;
    const { process_tree } = await inspect(
      [process(1, 0, { addressSpace: async () => space })],
      ['processes', 'maps'],
    );
    expect(process_tree?.memory_maps).toEqual([
      {
        start: '0xffffffffff600000',
        end: '0xffffffffff601000',
        permissions: '--xp',
        file_offset: '0x0',
        kind: 'vsyscall',
        name: '[vsyscall]',
        size: 4096,
        present_size: 0,
        source: location,
      },
    ]);
  });
});

describe('growTrees', () => {
  const shape = (processes: readonly Process[]) =>
    growTrees(processes).map((tree) => [...walkTree(tree)].map((node) => node.process.pid));

  it('orders children by pid, whatever the order of the image', () => {
    expect(shape([process(1, 0), process(9, 1), process(3, 1), process(4, 9)])).toEqual([[1, 3, 9, 4]]);
  });

  it('keeps processes whose parent is missing, and opens circles', () => {
    expect(shape([process(5, 99), process(1, 0), process(7, 8), process(8, 7), process(6, 6)])).toEqual([
      [5],
      [1],
      [7, 8],
      [6],
    ]);
  });

  it('tells a pid that occurs twice once', () => {
    expect(shape([process(1, 0), process(1, 0)])).toEqual([[1]]);
  });

  it('breaks a forged chain of 100,000 into trees that JSON can hold', async () => {
    const chain = Array.from({ length: 100_000 }, (_, index) => process(index + 1, index));
    const { process_tree, other_process_trees } = await inspect(chain, ['processes']);
    const text = JSON.stringify([process_tree, other_process_trees]);
    expect(text.match(/"pid":/g)).toHaveLength(100_000);
    expect(other_process_trees).toHaveLength(Math.ceil(100_000 / 256) - 1);
  });
});

describe('capabilityNames', () => {
  it('names bits as capabilities(7) does', () => {
    expect(capabilityNames(0n)).toEqual([]);
    expect(capabilityNames((1n << 21n) | 1n | (1n << 40n) | (1n << 63n))).toEqual([
      'CAP_CHOWN',
      'CAP_SYS_ADMIN',
      'CAP_CHECKPOINT_RESTORE',
      'CAP_63',
    ]);
  });
});
