/** A real process with files of many kinds, from /proc to the images that a reader takes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messagesOf, openForged } from '../../../../test/support/checkpoint-forge.ts';
import { bufferSource } from '../../../bytes/byte-source.ts';
import { concat } from '../../../bytes/concat.ts';
import { readTyped } from '../../../criu/image.ts';
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { FileEntry } from '../../../criu/schemas/files.ts';
import { imageMessages } from '../../testing/image-messages.ts';
import { gatherContainer } from '../look/gather.ts';
import { parseMappings } from '../proc/mappings.ts';
import { DeletedFiles } from './deleted-files.ts';
import { buildFileImages, type FileImages } from './file-images.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'exhibit-files-'));
const SCRIPT = `
  const fs = require('node:fs');
  const net = require('node:net');
  fs.watch(process.argv[1]);
  const listeners = [0, process.argv[1] + '/socket', '\\0abstract'];
  let waiting = listeners.length;
  for (const at of listeners) net.createServer().listen(at, () => { if (--waiting === 0) process.stdout.write('ready'); });
  setTimeout(() => {}, 60_000);
`;

let child: ChildProcess;
let built: FileImages;
let files: readonly FileEntry[];
let ghost: Uint8Array;
let deleted: DeletedFiles;

beforeAll(async () => {
  const held = path.join(folder, 'dropped (deleted)');
  writeFileSync(held, 'content of a deleted file\n');
  const descriptor = openSync(held, 'r+');
  unlinkSync(held);
  child = spawn(process.execPath, ['-e', SCRIPT, folder], {
    stdio: ['ignore', 'pipe', 'inherit', descriptor],
    cwd: folder,
  });
  if (child.stdout !== null) await once(child.stdout, 'data');
  const container = gatherContainer([child.pid ?? 0]);
  deleted = DeletedFiles.hold(container);
  const mappings = new Map(
    container.processes.map(({ pid, files }) => [pid, parseMappings(files.maps ?? '')]),
  );
  built = buildFileImages(container, mappings, deleted);
  files = await imageMessages(built.images, 'files.img', imageKinds.files);
  const pieces: Uint8Array[] = [];
  for (const each of built.contents) for await (const piece of each.chunks()) pieces.push(piece);
  ghost = concat(pieces);
});

afterAll(() => {
  deleted.close();
  child.kill();
  rmSync(folder, { recursive: true });
});

const byId = (id: number | undefined): FileEntry | undefined => files.find((file) => file.id === id);

describe('buildFileImages', () => {
  it('describes what every descriptor is', async () => {
    const fdinfo = await imageMessages(
      built.images,
      `fdinfo-${built.table.fdinfoId(child.pid ?? 0)}.img`,
      imageKinds.fdinfo,
    );
    const types = new Map(fdinfo.map(({ fd, id }) => [fd, byId(id)?.type]));
    expect([0, 1, 3].map((fd) => types.get(fd))).toEqual(['REG', 'UNIXSK', 'REG']);
    expect([...types.values()]).toEqual(
      expect.arrayContaining(['EVENTPOLL', 'EVENTFD', 'INOTIFY', 'INETSK', 'UNIXSK', 'PIPE']),
    );
    expect(fdinfo.every(({ id, type }) => byId(id)?.type === type)).toBe(true);
    expect(fdinfo.some(({ flags }) => flags === 1)).toBe(true);
  });

  it('tells of sockets what the tables of their network say', () => {
    const listening = files.find(({ isk }) => isk !== undefined)?.isk;
    expect(listening).toMatchObject({ type: 1, proto: 6, state: 10, dst_port: 0 });
    expect(listening?.src_port).toBeGreaterThan(0);
    const names = files.flatMap(({ usk }) => (usk?.state === 10 ? [Buffer.from(usk.name).toString()] : []));
    // Some releases of Node fill an abstract name with NULs, which /proc shows as @.
    expect(names.map((name) => name.replace(/@+$/, ''))).toEqual([`${folder}/socket\0`, '\0abstract']);
  });

  it('tells what epoll waits for and what inotify watches', () => {
    const targets = files.flatMap(({ epfd }) => epfd?.tfd ?? []);
    expect(targets.length).toBeGreaterThan(1);
    expect(targets.some(({ inode }) => inode !== undefined && inode > 0n)).toBe(true);
    expect(files.find(({ ify }) => ify)?.ify?.wd[0]?.f_handle.handle.length).toBe(16);
  });

  it('names the executable as its mappings do, and the folders', () => {
    const pid = child.pid ?? 0;
    const executable = byId(built.table.executable(pid));
    expect(executable?.reg?.name).toBe(process.execPath);
    expect(executable?.reg?.size).toBeGreaterThan(0n);
    expect(byId(built.table.workingDirectory(pid))?.reg?.name).toBe(folder);
    expect(byId(built.table.root(pid))?.reg?.name).toBe('/');
    expect(built.table.mapped(pid, 1n)).toBeUndefined();
  });

  it('keeps the content of a file whose name is gone', async () => {
    const [remap, ...others] = await imageMessages(built.images, 'remap-fpath.img', imageKinds.remapFpath);
    expect(others).toEqual([]);
    expect(byId(remap?.orig_id)?.reg?.name).toBe(`${folder}/dropped (deleted)`);
    const { entries } = await readTyped(bufferSource(ghost), 'ghost-file-1.img', imageKinds.ghostFile);
    expect(entries[0]?.message).toMatchObject({
      mode: 0o100644,
      ino: byId(remap?.orig_id) && expect.any(BigInt),
    });
    expect(Buffer.from(ghost).toString()).toContain('content of a deleted file\n');
    expect(built.contents.map(({ path }) => path)).toEqual(['checkpoint/ghost-file-1.img']);
  });

  it('lists the mounts, the last one first', async () => {
    const image = built.images.find(({ name }) => name.startsWith('mountpoints-'));
    const mounts = await imageMessages(built.images, image?.name ?? '', imageKinds.mountpoints);
    expect(mounts.at(-1)).toBeDefined();
    expect(mounts.find(({ mountpoint }) => mountpoint === '/proc')).toMatchObject({
      fstype: 1,
      source: 'proc',
    });
  });

  it('is read without complaint, and the deleted file with its content', async () => {
    const images = Object.fromEntries(built.images.map(({ name, bytes }) => [name, bytes]));
    const checkpoint = await openForged({ images: { ...images, 'ghost-file-1.img': ghost } });
    const [file, ...others] = await checkpoint.heldFiles();
    expect(others).toEqual([]);
    expect(file).toMatchObject({ path: `${folder}/dropped (deleted)`, kind: 'deleted', mode: 0o644 });
    const pieces: Uint8Array[] = [];
    for await (const piece of file?.content() ?? []) pieces.push(piece);
    expect(Buffer.from(concat(pieces)).toString()).toBe('content of a deleted file\n');
    expect((await checkpoint.mounts()).length).toBeGreaterThan(0);
    expect(await checkpoint.kernel.networks()).toMatchObject([{ externalKey: 'extRootNetNS' }]);
    // Processes are not among these images.
    expect(messagesOf(checkpoint)).toEqual([expect.stringContaining('pstree.img is missing')]);
  });

  it('has nothing to complain of', () => {
    expect(built.gaps).toEqual([]);
  });
});
