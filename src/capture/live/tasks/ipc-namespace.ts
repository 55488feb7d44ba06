/**
 * ipcns-var-N.img, ipcns-shm-N.img, ipcns-msg-N.img and ipcns-sem-N.img. What a segment holds is in pagemap-shmem-ID.img, as
 * far as a process of the container has it mapped.
 */
import { concat } from '../../../bytes/concat.ts';
import { littleEndian } from '../../../criu/encode-wire.ts';
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { MessageOf } from '../../../criu/schema.ts';
import { type ipcDescEntry, ipcMsg, type ipcVarEntry } from '../../../criu/schemas/ipc.ts';
import { writeImage, writeMessage } from '../../../criu/write-image.ts';
import { namespaceId } from '../files/namespace-files.ts';
import { type LiveImage, listImage, toEntries } from '../live-image.ts';
import type { NamespaceLook } from '../look/gather-namespaces.ts';
import type { GatheredIpc, QueuedMessage, SystemVObject } from '../look/system-v.ts';
import type { Mapping } from '../proc/mappings.ts';

export const ipcNamespaceImages = ({ ipc }: NamespaceLook): readonly LiveImage[] =>
  [...ipc].flatMap(([inode, gathered]) => imagesOf(namespaceId(inode), gathered));

/** Segments whose content nobody could read without attaching them. `mappings` are those of all processes. */
export function unreadSegments(
  { ipc }: NamespaceLook,
  mappings: Iterable<readonly Mapping[]>,
): readonly string[] {
  const mapped = new Set<number>();
  for (const { path, inode } of [...mappings].flat()) if (path.startsWith('/SYSV')) mapped.add(Number(inode));
  const segments = [...ipc.values()].flatMap((each) => each.segments);
  return segments
    .filter((segment) => !mapped.has(segment.get('shmid') ?? 0))
    .map(
      (segment) =>
        `shared memory segment ${segment.get('shmid')} of ${segment.get('size')} bytes is attached to no process of the container: what it holds was not read`,
    );
}

/** CRIU writes an image of each kind also where there is nothing of it. */
function imagesOf(id: number, { segments, queues, semaphores, limits }: GatheredIpc): readonly LiveImage[] {
  const shared = segments.map((segment) => ({
    desc: descOf(segment, 'shmid'),
    size: BigInt(segment.get('size') ?? 0),
    in_pagemaps: true,
  }));
  const waiting = queues.map(({ queue, capacity, messages }) => ({
    message: { desc: descOf(queue, 'msqid'), qbytes: capacity, qnum: messages.length },
    extra: concat(messages.map(queuedBytes)),
  }));
  const sets = semaphores.map(({ set, values }) => ({
    message: { desc: descOf(set, 'semid'), nsems: values.length },
    extra: padded(concat(values.map((value) => littleEndian(BigInt(value), 2)))),
  }));
  return [
    listImage(`ipcns-var-${id}.img`, imageKinds.ipcVar, [limitsOf(limits)]),
    listImage(`ipcns-shm-${id}.img`, imageKinds.ipcShm, shared),
    { name: `ipcns-msg-${id}.img`, bytes: writeImage(imageKinds.ipcMsg, toEntries(waiting)) },
    { name: `ipcns-sem-${id}.img`, bytes: writeImage(imageKinds.ipcSem, toEntries(sets)) },
  ];
}

const word = (value: number): number => value >>> 0;

function descOf(object: SystemVObject, id: string): MessageOf<typeof ipcDescEntry> {
  const value = (name: string): number => word(object.get(name) ?? 0);
  return {
    key: value('key'),
    uid: value('uid'),
    gid: value('gid'),
    cuid: value('cuid'),
    cgid: value('cgid'),
    mode: value('perms'),
    id: value(id),
  };
}

/** Padding to 8 bytes, as CRIU's. */
const padded = (bytes: Uint8Array): Uint8Array =>
  concat([bytes, new Uint8Array((8 - (bytes.length % 8)) % 8)]);

function queuedBytes({ type, text }: QueuedMessage): Uint8Array {
  const header = writeMessage(ipcMsg, { mtype: type, msize: text.length });
  return concat([littleEndian(BigInt(header.length), 4), header, padded(text)]);
}

function limitsOf(limits: GatheredIpc['limits']): MessageOf<typeof ipcVarEntry> {
  const large = (name: string): bigint =>
    /^\d{1,20}$/.test(limits.get(name) ?? '') ? BigInt(limits.get(name) ?? 0) : 0n;
  const small = (name: string): number => Number(BigInt.asUintN(32, large(name)));
  return {
    sem_ctls: (limits.get('kernel/sem') ?? '').split(/\s+/).map((value) => word(Number(value))),
    msg_ctlmax: small('kernel/msgmax'),
    msg_ctlmnb: small('kernel/msgmnb'),
    msg_ctlmni: small('kernel/msgmni'),
    auto_msgmni: small('kernel/auto_msgmni'),
    shm_ctlmax: large('kernel/shmmax'),
    shm_ctlall: large('kernel/shmall'),
    shm_ctlmni: small('kernel/shmmni'),
    shm_rmid_forced: small('kernel/shm_rmid_forced'),
    mq_queues_max: small('fs/mqueue/queues_max'),
    mq_msg_max: small('fs/mqueue/msg_max'),
    mq_msgsize_max: small('fs/mqueue/msgsize_max'),
    mq_msg_default: small('fs/mqueue/msg_default'),
    mq_msgsize_default: small('fs/mqueue/msgsize_default'),
  };
}
