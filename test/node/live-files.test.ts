/**
 * Descriptors, files, sockets, locks and mounts of one container as /proc shows them while it runs, and as CRIU writes them
 * right afterwards: field by field, but for what is left out below with its reason. Both are read by the same reader.
 */
import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../../src/archive/open-archive.ts';
import { bufferSource } from '../../src/bytes/byte-source.ts';
import { concat } from '../../src/bytes/concat.ts';
import { openFileSource } from '../../src/bytes/file-source.ts';
import type { Note } from '../../src/bytes/note.ts';
import { DeletedFiles } from '../../src/capture/live/files/deleted-files.ts';
import { buildFileImages } from '../../src/capture/live/files/file-images.ts';
import type { LiveImage } from '../../src/capture/live/live-image.ts';
import { gatherContainer } from '../../src/capture/live/look/gather.ts';
import type { GatheredContainer } from '../../src/capture/live/look/gathered.ts';
import { prepareQuestions } from '../../src/capture/live/look/kernel-questions.ts';
import { parseMappings } from '../../src/capture/live/proc/mappings.ts';
import { containerNumber, parseStatus, pidNamespaceDepth } from '../../src/capture/live/proc/status.ts';
import { lookAtProcesses } from '../../src/capture/preflight/process-look.ts';
import { imageMessages } from '../../src/capture/testing/image-messages.ts';
import { readImage } from '../../src/criu/image.ts';
import { imageKinds } from '../../src/criu/image-kinds.ts';
import { readNetworkDump } from '../../src/criu/netlink/network-dump.ts';
import type { FileEntry } from '../../src/criu/schemas/files.ts';
import type { MntEntry } from '../../src/criu/schemas/mounts.ts';
import { waitLog } from '../../testbed/node.ts';
import { namespace, plugs, SHOP, zoo } from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

/** SOCK_STREAM. */
const STREAM = 1;

/** The images of one capture, and where each process has its own; processes by how the container counts them. */
interface Seen {
  readonly images: readonly LiveImage[];
  readonly processes: ReadonlyMap<
    number,
    { readonly files: number; readonly executable: number | undefined }
  >;
}

let live: Seen;
let criu: Seen;
/** What CRIU has no kind for. */
let others: readonly string[];

beforeAll(async () => {
  node().setRuncOptions('file-locks');
  await node().apply(namespace(SHOP), zoo);
  await node().waitRunning(SHOP, 'zoo');
  await waitLog(node(), SHOP, 'zoo', 'zoo', 'ready');
  live = await lookAt('zoo');
  criu = await openCheckpoint(await node().checkpoint(SHOP, 'zoo', 'zoo'));
});

/** From outside of the node: its processes are this machine's too. */
async function lookAt(pod: string): Promise<Seen> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = await node().kubectl(['get', 'pod', '-n', SHOP, pod, '-o', path]);
  const { processes } = await lookAtProcesses(id.replace('containerd://', ''));
  const questions = prepareQuestions();
  const container = gatherContainer(processes.map(({ pid }) => pid));
  const deleted = DeletedFiles.hold(container);
  const answers = questions.ask(container);
  const mappings = container.processes.map(
    ({ pid, files }) => [pid, parseMappings(files.maps ?? '')] as const,
  );
  const { images, contents, table, gaps, beside } = buildFileImages(
    container,
    new Map(mappings),
    deleted,
    answers,
  );
  expect(gaps).toEqual([]);
  others = beside.descriptors.map(({ link, info }) => `${link.replace(/\d+/, 'N')} ${info}`);
  const read = [...images];
  for (const { path, chunks } of contents) {
    const pieces: Uint8Array[] = [];
    for await (const piece of chunks()) pieces.push(piece);
    read.push({ name: path.replace('checkpoint/', ''), bytes: concat(pieces) });
  }
  return {
    images: read,
    processes: new Map(
      container.processes.map(({ pid }) => [
        numberIn(container, pid),
        { files: table.fdinfoId(pid), executable: table.executable(pid) },
      ]),
    ),
  };
}

function numberIn({ processes }: GatheredContainer, pid: number): number {
  const status = processes.find((process) => process.pid === pid)?.files.status;
  return containerNumber(parseStatus(status), pidNamespaceDepth(processes[0])) ?? 0;
}

async function openCheckpoint(file: string): Promise<Seen> {
  const archive = await openArchive(await openFileSource(node().hostPath(file)));
  const images: LiveImage[] = [];
  for (const entry of archive.entries.filter(({ path }) => /^checkpoint\/(?!pages).*\.img$/.test(path))) {
    const bytes = await archive.open(entry).read(0, entry.size);
    images.push({ name: entry.path.replace('checkpoint/', ''), bytes });
  }
  await archive.close();
  const processes = new Map<number, { files: number; executable: number | undefined }>();
  for (const { pid } of await imageMessages(images, 'pstree.img', imageKinds.pstree)) {
    const [ids] = await imageMessages(images, `ids-${pid}.img`, imageKinds.ids);
    const [mm] = await imageMessages(images, `mm-${pid}.img`, imageKinds.mm);
    processes.set(pid, { files: ids?.files_id ?? 0, executable: mm?.exe_file_id });
  }
  return { images, processes };
}

/** What two looks at the same tell differently. */
const UNKNOWN = {
  ns_id: 'each numbers namespaces its own way',
  vsec: 'time went by between the two',
  vnsec: 'time went by between the two',
} as const;

/** What there is to say of a file, without numbers that each gives in its own way. */
function comparable(
  entry: FileEntry | undefined,
  files: readonly FileEntry[],
  memfds: readonly string[],
): unknown {
  if (entry === undefined) return undefined;
  const [body = {}] = Object.values(entry).filter((value) => typeof value === 'object');
  const fields: Record<string, unknown> = { ...body };
  for (const name of ['id', ...Object.keys(UNKNOWN)]) delete fields[name];
  if (entry.fifo ?? entry.tty)
    fields.regf_id = comparable(fileOf(fields.regf_id as number, files), files, memfds);
  if (entry.memfd) fields.inode_id = memfds[entry.memfd.inode_id - 1];
  return { type: entry.type, ...fields };
}

const fileOf = (id: number | undefined, files: readonly FileEntry[]): FileEntry | undefined =>
  files.find((file) => file.id === id);

async function filesOf({ images, processes }: Seen): Promise<unknown> {
  const files = await imageMessages(images, 'files.img', imageKinds.files);
  const memfds = (await imageMessages(images, 'memfd.img', imageKinds.memfd)).map(({ name }) => name);
  const tell = (id: number | undefined) => comparable(fileOf(id, files), files, memfds);
  const told: [number, unknown][] = [];
  for (const [pid, { files: table, executable }] of processes) {
    const fdinfo = await imageMessages(images, `fdinfo-${table}.img`, imageKinds.fdinfo);
    const [fs] = await imageMessages(images, `fs-${pid}.img`, imageKinds.fs);
    const descriptors = fdinfo.map(({ fd, flags, id }) => [fd, flags, tell(id)]);
    const folders = fs && [tell(fs.cwd_id), tell(fs.root_id), fs.umask];
    told.push([pid, { descriptors, folders, executable: tell(executable) }]);
  }
  return told.sort(([a], [b]) => a - b);
}

const mountsOf = async ({ images }: Seen): Promise<readonly unknown[]> => {
  const names = images.map(({ name }) => name).filter((name) => name.startsWith('mountpoints-'));
  expect(names).toHaveLength(1);
  return (await imageMessages(images, names[0] ?? '', imageKinds.mountpoints)).map(comparableMount);
};

function comparableMount({ ext_key: _engine, root, options, ...mount }: MntEntry): unknown {
  return {
    ...mount,
    // As seen from the cgroup namespace of whoever looks.
    root: mount.source === 'cgroup' ? '' : root,
    // CRIU adds a word, for the restore.
    options: options.replace(',newinstance', ''),
  };
}

/** What crit reads in an image of ours. */
async function critDecode({ name, bytes }: LiveImage): Promise<{ readonly entries: readonly object[] }> {
  const file = `/tmp/${name}`;
  writeFileSync(node().hostPath(file), bytes);
  return JSON.parse((await node().exec(['crit', 'decode', '-i', file])).stdout);
}

it('writes images that crit reads', async () => {
  expect(live.images.length).toBeGreaterThan(20);
  const framed = live.images.filter(({ name }) => !/^(?:ifaddr|route6?|rule)-/.test(name));
  for (const image of framed) expect((await critDecode(image)).entries, image.name).not.toEqual([]);
  const files = live.images.find(({ name }) => name === 'files.img') ?? { name: '', bytes: new Uint8Array() };
  const types = (await critDecode(files)).entries.map((entry) => Reflect.get(entry, 'type'));
  expect([...new Set(types)].sort()).toEqual([
    'EVENTFD',
    'EVENTPOLL',
    'FIFO',
    'INETSK',
    'MEMFD',
    'NETLINKSK',
    'PIPE',
    'REG',
    'SIGNALFD',
    'TIMERFD',
    'TTY',
    'UNIXSK',
  ]);
});

it("writes the addresses and routes of the pod's network, which CRIU leaves out", async () => {
  const address = await node().kubectl(['get', 'pod', '-n', SHOP, 'zoo', '-o', 'jsonpath={.status.podIP}']);
  const [addresses, routes] = await Promise.all(
    [
      ['ifaddr', 'IFADDR'],
      ['route', 'ROUTE'],
    ].map(async ([prefix = '', kind = '']) => {
      const image = live.images.find(({ name }) => name.startsWith(`${prefix}-`));
      const notes: Note[] = [];
      const found: string[] = [];
      const source = bufferSource(image?.bytes ?? new Uint8Array());
      for await (const message of readNetworkDump(image?.name ?? '', kind, source, notes))
        found.push(JSON.stringify(message));
      expect(notes).toEqual([]);
      return found;
    }),
  );
  expect(addresses?.some((text) => text.includes(address))).toBe(true);
  expect(routes?.some((text) => text.includes('"10.244.0.1"'))).toBe(true);
});

it('leaves no descriptor of this container without a kind of its own', () => {
  expect(others).toEqual([]);
});

it('tells of sockets that are bound to nothing, of their options, and of a shared table of descriptors as CRIU does', async () => {
  await node().apply(namespace(SHOP), plugs);
  await node().waitRunning(SHOP, 'plugs');
  await waitLog(node(), SHOP, 'plugs', 'plugs', 'ready');
  const seen = await lookAt('plugs');
  const expected = await openCheckpoint(await node().checkpoint(SHOP, 'plugs', 'plugs'));
  expect(await filesOf(seen)).toEqual(await filesOf(expected));
  for (const { processes } of [seen, expected])
    expect(new Set([...processes.values()].map(({ files }) => files)).size).toBe(1);
  expect(seen.processes.size).toBe(2);
});

it('is what a capture without CRIU writes, as crit shows it', async () => {
  const { code, stdout, stderr } = await node().exhibit([
    'capture',
    '--via',
    'node',
    '--json',
    `${SHOP}/zoo`,
  ]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const { path } = JSON.parse(stdout).archive;
  await node().exec(['sh', '-euc', `mkdir -p /tmp/captured; tar -xf ${path} -C /tmp/captured`]);
  const fds = (await node().exec(['crit', 'x', '/tmp/captured/checkpoint', 'fds'])).stdout;
  // The two ends of a socket pair name each other.
  const [, one, other] = /unix\[(\d+) \((\d+)\)\]/.exec(fds) ?? [];
  expect(fds).toContain(`unix[${other} (${one})]`);
  expect(fds).toContain('/tmp/dropped');
});

describe('of one container, /proc and CRIU tell the same', () => {
  it('of every descriptor, working directory, root and executable', async () => {
    const expected = await filesOf(criu);
    expect(await filesOf(live)).toEqual(expected);
    expect(live.processes.size).toBeGreaterThan(6);
  });

  it('of which descriptors are one open file', async () => {
    const groups = async ({ images, processes }: Seen) => {
      const places = new Map<number, string[]>();
      for (const [pid, { files }] of [...processes].sort(([a], [b]) => a - b)) {
        for (const { fd, id } of await imageMessages(images, `fdinfo-${files}.img`, imageKinds.fdinfo))
          places.set(id, [...(places.get(id) ?? []), `${pid}:${fd}`]);
      }
      return [...places.values()].map((each) => each.join(' ')).sort();
    };
    const expected = await groups(criu);
    expect(expected.filter((group) => group.includes(' ')).length).toBeGreaterThan(1);
    expect(await groups(live)).toEqual(expected);
  });

  it('of what waits in pipes, FIFOs and unix streams', async () => {
    const waiting = async ({ images }: Seen) => {
      const files = await imageMessages(images, 'files.img', imageKinds.files);
      const found: unknown[] = [];
      for (const name of ['pipes-data.img', 'fifo-data.img', 'sk-queues.img']) {
        const bytes = images.find((image) => image.name === name)?.bytes ?? new Uint8Array();
        const source = bufferSource(bytes);
        for (const { message, extra } of (await readImage(name, source)).entries) {
          const { id_for, ...rest } = message as Record<string, unknown>;
          const socket = files.find(({ id }) => id === id_for)?.usk;
          // Of datagrams only the first can be looked at without changing the socket: none is read.
          if (socket !== undefined && socket.type !== STREAM) continue;
          const text = extra && Buffer.from(await source.read(extra.offset, extra.length)).toString();
          found.push([name, rest, socket?.ino, text]);
        }
      }
      return found;
    };
    const expected = await waiting(criu);
    expect(JSON.stringify(expected)).toMatch(/unread-in-the-pipe.*unread-in-the-fifo.*unread-in-the-stream/);
    expect(await waiting(live)).toEqual(expected);
  });

  it('of locks', async () => {
    const locks = await imageMessages(criu.images, 'filelocks.img', imageKinds.fileLocks);
    expect(locks).toHaveLength(2);
    expect(await imageMessages(live.images, 'filelocks.img', imageKinds.fileLocks)).toEqual(locks);
  });

  it('of memory that is a file', async () => {
    // Seals are asked by fcntl(2).
    const inodes = async ({ images }: Seen) =>
      (await imageMessages(images, 'memfd.img', imageKinds.memfd)).map(
        ({ seals: _, inode_id: _number, ...inode }) => inode,
      );
    const expected = await inodes(criu);
    expect(expected.map(({ name }) => name)).toEqual(['kdevtmpfsi', '/dev/zero', 'notes']);
    expect(await inodes(live)).toEqual(expected);
  });

  it('of mounts', async () => {
    const expected = await mountsOf(criu);
    expect(expected.length).toBeGreaterThan(10);
    expect(await mountsOf(live)).toEqual(expected);
  });

  it('of terminals, as far as they need not be asked', async () => {
    const terminals = async ({ images }: Seen) =>
      (await imageMessages(images, 'tty-info.img', imageKinds.ttyInfo)).map(
        ({ termios: _, termios_locked: _locked, winsize: _size, ...terminal }) => terminal,
      );
    expect(await terminals(live)).toEqual(await terminals(criu));
  });

  it('of deleted files, whose content both have', async () => {
    const ghosts = async ({ images }: Seen) => {
      const files = await imageMessages(images, 'files.img', imageKinds.files);
      const remaps = await imageMessages(images, 'remap-fpath.img', imageKinds.remapFpath);
      return remaps.map(({ orig_id, remap_id }) => ({
        name: fileOf(orig_id, files)?.reg?.name,
        bytes: images.find(({ name }) => name === `ghost-file-${remap_id.toString(16)}.img`)?.bytes,
      }));
    };
    const found = await ghosts(live);
    expect(found.map(({ name }) => name)).toEqual(['/tmp/update', '/tmp/dropped']);
    const [program, dropped] = await ghosts(criu);
    expect(tail(found[0]?.bytes, 13_336)).toEqual(tail(program?.bytes, 13_336));
    expect(tail(found[1]?.bytes, 26)).toEqual(tail(dropped?.bytes, 26));
  });
});

const tail = (bytes: Uint8Array | undefined, length: number): string =>
  Buffer.from(bytes ?? [])
    .subarray(-length)
    .toString('latin1');
