/**
 * Bytes that waited in the kernel: pipes-data.img, fifo-data.img, sk-queues.img, tcp-stream-INODE.img, tty-data.img.
 * Only counted here; their places are those of the images' entries. A capture of our own has counts alone, in its record.
 */
import type { RecordedNetwork, RecordedQueue } from '../archive/capture-record.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { ImageSet } from './image-set.ts';

export class UnreadBytes {
  readonly #images: ImageSet;
  /** By pipe id, file id of the receiving socket, terminal id. */
  readonly #pipes = new Map<number, number>();
  readonly #queues = new Map<number, number>();
  readonly #terminals = new Map<number, number>();
  /** By inode. */
  readonly #recorded: ReadonlyMap<number, RecordedQueue>;

  private constructor(images: ImageSet, networks: readonly RecordedNetwork[]) {
    this.#images = images;
    this.#recorded = new Map(networks.flatMap(({ queues }) => queues.map((queue) => [queue.inode, queue])));
  }

  static async read(images: ImageSet, networks: readonly RecordedNetwork[] = []): Promise<UnreadBytes> {
    const unread = new UnreadBytes(images, networks);
    const pipes = await images.read('pipes-data.img', imageKinds.pipesData);
    const fifos = await images.read('fifo-data.img', imageKinds.fifoData);
    for (const { message } of [...pipes, ...fifos]) count(unread.#pipes, message.pipe_id, message.bytes);
    for (const { message } of await images.read('sk-queues.img', imageKinds.skQueues)) {
      count(unread.#queues, message.id_for, message.length);
    }
    for (const { message } of await images.read('tty-data.img', imageKinds.ttyData)) {
      count(unread.#terminals, message.tty_id, message.data.length);
    }
    return unread;
  }

  inPipe(pipeId: number): number {
    return this.#pipes.get(pipeId) ?? 0;
  }

  inSocketQueue(fileId: number): number {
    return this.#queues.get(fileId) ?? 0;
  }

  inTerminal(terminalId: number): number {
    return this.#terminals.get(terminalId) ?? 0;
  }

  /** Of a socket by its inode, as a capture of our own counted. Of one that listens, the kernel counts connections. */
  recordedOf(inode: number): { readonly unread: number; readonly unsent: number } {
    const queue = this.#recorded.get(inode);
    return { unread: queue?.receive ?? 0, unsent: queue?.send ?? 0 };
  }

  /** Of a TCP connection, whose image is named after the socket's inode in hexadecimal. */
  async inTcpStream(inode: number): Promise<{ readonly unread: number; readonly unsent: number }> {
    const stream = await this.#images.readOne(`tcp-stream-${inode.toString(16)}.img`, imageKinds.tcpStream);
    return { unread: stream?.message.inq_len ?? 0, unsent: stream?.message.outq_len ?? 0 };
  }
}

function count(counts: Map<number, number>, id: number, bytes: number): void {
  counts.set(id, (counts.get(id) ?? 0) + bytes);
}
