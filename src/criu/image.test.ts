import { describe, expect, it } from 'vitest';
import { concat, forgeImage, rawField, u32, varint } from '../../test/support/criu-forge.ts';
import { bufferSource } from '../bytes/byte-source.ts';
import { readEntries, readImage, readTyped } from './image.ts';
import { COMMON_MAGIC, imageKinds } from './image-kinds.ts';
import { fieldLocation, unknownFields } from './wire.ts';

const task = (pid: number, ppid: number) => ({ pid, ppid, pgid: pid, sid: 1, threads: [pid, pid + 100] });
const desc = { key: 0, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0, id: 3 };

describe('readTyped', () => {
  it('reads messages with their places', async () => {
    const image = forgeImage(imageKinds.pstree, [{ message: task(1, 0) }, { message: task(7, 1) }]);
    const { entries, notes } = await readTyped(bufferSource(image), 'pstree.img', imageKinds.pstree);
    expect(notes).toEqual([]);
    expect(entries.map((entry) => entry.message)).toEqual([task(1, 0), task(7, 1)]);
    const second = entries[1];
    expect(second && image.subarray(second.offset, second.offset + second.length)[1]).toBe(7);
    expect(second && fieldLocation(second.message, 'ppid')).toEqual({
      offset: (second?.offset ?? 0) + 3,
      length: 1,
    });
  });

  it('reads images of format version 1, which have no group magic', async () => {
    const image = forgeImage(imageKinds.pstree, [{ message: task(1, 0) }]).subarray(4);
    const { entries } = await readTyped(bufferSource(image), 'pstree.img', imageKinds.pstree);
    expect(entries).toHaveLength(1);
  });

  it('streams an image larger than its window in order', async () => {
    const image = forgeImage(
      imageKinds.pstree,
      Array.from({ length: 70_000 }, (_, index) => ({ message: task(index + 1, index) })),
    );
    expect(image.length).toBeGreaterThan(1024 * 1024);
    const pids: number[] = [];
    for await (const batch of readEntries('pstree.img', bufferSource(image), imageKinds.pstree, 8, [])) {
      for (const entry of batch) pids.push(entry.message.pid);
    }
    expect(pids).toEqual(Array.from({ length: 70_000 }, (_, index) => index + 1));
  });
});

describe('extra bytes', () => {
  it('are located behind pipe data, socket packets and TCP streams', async () => {
    const image = forgeImage(imageKinds.pipesData, [
      { message: { pipe_id: 1, bytes: 3 }, extra: Uint8Array.of(1, 2, 3) },
      { message: { pipe_id: 2, bytes: 0 } },
      { message: { pipe_id: 3, bytes: 1 }, extra: Uint8Array.of(9) },
    ]);
    const { entries } = await readTyped(bufferSource(image), 'pipes-data.img', imageKinds.pipesData);
    const bytes = entries.map(
      ({ extra }) => extra && [...image.subarray(extra.offset, extra.offset + extra.length)],
    );
    expect(bytes).toEqual([[1, 2, 3], [], [9]]);
  });

  it.each([
    [0, 0],
    [1, 6],
    [4, 0],
    [5, 6],
  ])('of %i semaphores are followed by %i bytes of padding', async (nsems, padding) => {
    const set = { message: { desc, nsems }, extra: new Uint8Array(nsems * 2 + padding) };
    const image = forgeImage(imageKinds.ipcSem, [set, set]);
    const { entries, notes } = await readTyped(bufferSource(image), 'ipcns-sem-9.img', imageKinds.ipcSem);
    expect(notes).toEqual([]);
    expect(entries.map((entry) => entry.extra?.length)).toEqual([nsems * 2, nsems * 2]);
  });

  it('of shared memory are not there when the pagemap has them', async () => {
    const image = forgeImage(imageKinds.ipcShm, [
      { message: { desc, size: 4096n, in_pagemaps: true } },
      { message: { desc, size: 5n }, extra: new Uint8Array(8) },
    ]);
    const { entries, notes } = await readTyped(bufferSource(image), 'ipcns-shm-9.img', imageKinds.ipcShm);
    expect(notes).toEqual([]);
    expect(entries.map((entry) => entry.extra?.length)).toEqual([undefined, 5]);
  });

  it('of message queues are walked', async () => {
    const text = concat(u32(4), rawField(1, 1), rawField(2, 5), new Uint8Array(8));
    const queue = { message: { desc, qbytes: 16384, qnum: 2 }, extra: concat(text, text) };
    const image = forgeImage(imageKinds.ipcMsg, [queue, queue]);
    const { entries, notes } = await readTyped(bufferSource(image), 'ipcns-msg-9.img', imageKinds.ipcMsg);
    expect(notes).toEqual([]);
    expect(entries.map((entry) => entry.extra?.length)).toEqual([32, 32]);
  });

  it('of a ghost file are the rest of the image, or pieces behind chunk messages', async () => {
    const whole = forgeImage(imageKinds.ghostFile, [
      { message: { uid: 0, gid: 0, mode: 0o100600 }, extra: new Uint8Array(99) },
    ]);
    const { entries } = await readTyped(bufferSource(whole), 'ghost-file-1.img', imageKinds.ghostFile);
    expect(entries.map((entry) => entry.extra?.length)).toEqual([99]);
    const pieces = forgeImage(imageKinds.ghostFile, [
      { message: { uid: 0, gid: 0, mode: 0o100600, chunks: true, size: 1n << 40n } },
      { message: { len: 4n, off: 0n }, extra: new Uint8Array(4) },
      { message: { len: 8n, off: 8192n }, extra: new Uint8Array(8) },
    ]);
    const chunked = await readTyped(bufferSource(pieces), 'ghost-file-1.img', imageKinds.ghostFile);
    expect(chunked.entries.map((entry) => entry.extra?.length)).toEqual([undefined, 4, 8]);
    expect(chunked.entries[2]?.message).toEqual({ len: 8n, off: 8192n });
  });
});

describe('readImage', () => {
  it('keeps messages of an unknown kind as raw fields', async () => {
    const body = concat(rawField(1, 5), rawField(9, Uint8Array.of(104, 105)));
    const image = concat(u32(COMMON_MAGIC), u32(0x12345678), u32(body.length), body);
    const read = await readImage('new-thing.img', bufferSource(image));
    expect(read.kind).toEqual({ layout: 'unknown', name: '0x12345678', magic: 0x12345678 });
    expect(read.notes).toHaveLength(1);
    expect(unknownFields(read.entries[0]?.message).map(({ number, value }) => [number, value])).toEqual([
      [1, 5n],
      [9, Uint8Array.of(104, 105)],
    ]);
  });

  it('keeps fields that a newer CRIU added', async () => {
    const message = concat(
      ...[1, 2, 3, 4].map((number) => rawField(number, number)),
      varint(200 * 8),
      varint(-1),
    );
    const image = forgeImage(imageKinds.pstree, [{ message }]);
    const read = await readImage('pstree.img', bufferSource(image));
    expect(read.notes).toEqual([]);
    expect(unknownFields(read.entries[0]?.message)).toMatchObject([
      { number: 200, value: 0xffffffffffffffffn },
    ]);
  });

  it('names raw images and reads nothing of them', async () => {
    const read = await readImage('checkpoint/pages-1.img', bufferSource(new Uint8Array(4096)));
    expect(read.kind).toMatchObject({ layout: 'raw', name: 'PAGES' });
    expect(read.entries).toEqual([]);
  });
});
