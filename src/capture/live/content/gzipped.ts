import { Readable } from 'node:stream';
import type { Gzip } from 'node:zlib';

/** The pieces as they come out of `gzip`; an error of the pieces is one of the result. */
export function gzipped(pieces: AsyncIterable<Uint8Array>, gzip: Gzip): AsyncIterable<Uint8Array> {
  const source = Readable.from(pieces, { objectMode: true });
  source.on('error', (error) => gzip.destroy(error));
  return source.pipe(gzip);
}
