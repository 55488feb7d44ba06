/**
 * System V shared memory, message queues and semaphores, by IPC namespace: ipcns-{shm,msg,sem,var}-NS.img. Keys and ids
 * are what ipcs(1) shows. What a segment held is among the held files, where the archive has it.
 */
import type { SourceLocation } from '../bytes/source-location.ts';
import type { ByteRange } from '../criu/byte-range.ts';
import type { Entry } from '../criu/image.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import { readQueuedMessages } from '../criu/queued-messages.ts';
import type { MessageOf } from '../criu/schema.ts';
import type { ipcDescEntry, ipcMsgEntry, ipcSemEntry, ipcShmEntry } from '../criu/schemas/ipc.ts';
import type { ImageSet } from './image-set.ts';

export interface IpcNamespace {
  readonly id: number;
  readonly segments: readonly IpcSegment[];
  readonly queues: readonly IpcQueue[];
  readonly semaphores: readonly IpcSemaphores[];
}

export interface IpcObject {
  readonly key: number;
  readonly id: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of who made it. */
  readonly creatorUid: number;
  readonly creatorGid: number;
  readonly location: SourceLocation;
}

export interface IpcSegment extends IpcObject {
  readonly size: bigint;
}

export interface IpcQueue extends IpcObject {
  /** Bytes that it may hold. */
  readonly capacity: number;
  /** In the order in which they would be received. */
  readonly messages: readonly IpcMessage[];
}

export interface IpcMessage {
  readonly type: bigint;
  readonly size: number;
  /** The text, in the image. */
  readonly location: SourceLocation;
}

export interface IpcSemaphores extends IpcObject {
  readonly values: readonly number[];
}

/** Messages told of one namespace; the kernel's limit for all queues is far below on any honest host. */
const MAX_MESSAGES = 65_536;

/** Semaphores in a set: sem_ctls bounds it to 65,536. */
const MAX_SEMAPHORES = 65_536;

/** Every IPC namespace of which the archive has an image, by id. */
export async function readIpc(images: ImageSet): Promise<readonly IpcNamespace[]> {
  const ids = new Set<number>();
  for (const name of images.names()) {
    const id = /^ipcns-(?:shm|msg|sem|var)-(\d{1,10})\.img$/.exec(name)?.[1];
    if (id !== undefined) ids.add(Number(id));
  }
  const namespaces: IpcNamespace[] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    namespaces.push({
      id,
      segments: (await images.read(`ipcns-shm-${id}.img`, imageKinds.ipcShm)).map((entry) => ({
        ...describe(entry, `ipcns-shm-${id}.img`, images),
        size: entry.message.size,
      })),
      queues: await readQueues(`ipcns-msg-${id}.img`, images),
      semaphores: await readSemaphores(`ipcns-sem-${id}.img`, images),
    });
  }
  return namespaces;
}

type Described = Entry<
  MessageOf<typeof ipcShmEntry> | MessageOf<typeof ipcMsgEntry> | MessageOf<typeof ipcSemEntry>
>;

function describe(entry: Described, name: string, images: ImageSet): IpcObject {
  const desc: MessageOf<typeof ipcDescEntry> = entry.message.desc;
  return {
    key: desc.key,
    id: desc.id,
    mode: desc.mode,
    uid: desc.uid,
    gid: desc.gid,
    creatorUid: desc.cuid,
    creatorGid: desc.cgid,
    location: images.locate(name, entry),
  };
}

async function readQueues(name: string, images: ImageSet): Promise<readonly IpcQueue[]> {
  const queues: IpcQueue[] = [];
  let count = 0;
  for (const entry of await images.read(name, imageKinds.ipcMsg)) {
    const messages: IpcMessage[] = [];
    const source = images.source(name);
    if (source !== undefined && entry.extra !== undefined) {
      for await (const { header, text } of readQueuedMessages(source, entry.extra)) {
        if (count++ >= MAX_MESSAGES) break;
        messages.push({ type: header.mtype, size: header.msize, location: images.locate(name, text) });
      }
    }
    queues.push({ ...describe(entry, name, images), capacity: entry.message.qbytes, messages });
  }
  if (count > MAX_MESSAGES) {
    images.notes.warn(`more than ${MAX_MESSAGES} queued messages; the rest is not told`, images.pathOf(name));
  }
  return queues;
}

async function readSemaphores(name: string, images: ImageSet): Promise<readonly IpcSemaphores[]> {
  const sets: IpcSemaphores[] = [];
  for (const entry of await images.read(name, imageKinds.ipcSem)) {
    sets.push({ ...describe(entry, name, images), values: await readValues(name, entry.extra, images) });
  }
  return sets;
}

async function readValues(
  name: string,
  range: ByteRange | undefined,
  images: ImageSet,
): Promise<readonly number[]> {
  const source = images.source(name);
  if (source === undefined || range === undefined) return [];
  const bytes = await source.read(range.offset, Math.min(range.length, MAX_SEMAPHORES * 2));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 2) }, (_, index) => view.getUint16(index * 2, true));
}
