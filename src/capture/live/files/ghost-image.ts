/** ghost-file-ID.img: the attributes of a deleted file, then its content to the end of the image. */
import type { BigIntStats } from 'node:fs';
import { concat } from '../../../bytes/concat.ts';
import { littleEndian } from '../../../criu/encode-wire.ts';
import { imageKinds } from '../../../criu/image-kinds.ts';
import { type GhostFileEntry, ghostFileEntry } from '../../../criu/schemas/files.ts';
import { imageHeader, writeMessage } from '../../../criu/write-image.ts';
import { deviceNumber, kernelDevice } from '../proc/device-number.ts';

export function ghostMessage(stat: BigIntStats): GhostFileEntry {
  return {
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mode: Number(stat.mode),
    dev: kernelDevice(deviceNumber(stat.dev)),
    ino: stat.ino,
    atim: timeval(stat.atimeNs),
    mtim: timeval(stat.mtimeNs),
  };
}

/** What stands before the content. */
export function ghostHead(message: GhostFileEntry): Uint8Array {
  const bytes = writeMessage(ghostFileEntry, message);
  return concat([imageHeader(imageKinds.ghostFile), littleEndian(BigInt(bytes.length), 4), bytes]);
}

const timeval = (nanoseconds: bigint) => ({
  tv_sec: nanoseconds / 1_000_000_000n,
  tv_usec: (nanoseconds % 1_000_000_000n) / 1000n,
});
