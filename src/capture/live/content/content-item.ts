/** A file that lies beside CRIU's images in an archive, read while it is written: it may be far larger than memory. */
export interface ContentItem {
  /** In the archive: `rootfs-diff.tar`, `checkpoint/tmpfs-dev-73.tar.gz.img`. */
  readonly path: string;
  /** Its bytes, piece by piece. What cannot be read is told in the gaps that the item was made with, and left out. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** An item of bytes that are there already. */
export function bytesItem(path: string, bytes: Uint8Array): ContentItem {
  return {
    path,
    async *chunks() {
      yield bytes;
    },
  };
}
