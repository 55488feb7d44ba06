/** pipes-data.img, fifo-data.img and sk-queues.img: bytes that were written and that nobody has read. */
import { imageKinds } from '../../../criu/image-kinds.ts';
import { writeImage } from '../../../criu/write-image.ts';
import { type LiveImage, toEntries } from '../live-image.ts';
import type { PipeContent } from '../look/pipe-contents.ts';

export function pipeImages(pipes: readonly PipeContent[]): readonly LiveImage[] {
  const image = (name: string, kind: typeof imageKinds.pipesData, isFifo: boolean): readonly LiveImage[] => {
    const entries = pipes
      .filter((pipe) => pipe.isFifo === isFifo)
      .map(({ inode, bytes, capacity }) => ({
        message: { pipe_id: Number(BigInt.asUintN(32, inode)), bytes: bytes.length, size: capacity },
        extra: bytes,
      }));
    return entries.length === 0 ? [] : [{ name, bytes: writeImage(kind, toEntries(entries)) }];
  };
  return [
    ...image('pipes-data.img', imageKinds.pipesData, false),
    ...image('fifo-data.img', imageKinds.fifoData, true),
  ];
}

/** `idOf` gives the id in files.img of the socket behind a link. */
export function queueImages(
  queues: ReadonlyMap<string, Uint8Array>,
  idOf: (link: string) => number | undefined,
): readonly LiveImage[] {
  const entries = [...queues].flatMap(([link, extra]) => {
    const id_for = idOf(link);
    return id_for === undefined ? [] : [{ message: { id_for, length: extra.length, scm: [] }, extra }];
  });
  return entries.length === 0
    ? []
    : [{ name: 'sk-queues.img', bytes: writeImage(imageKinds.skQueues, toEntries(entries)) }];
}
