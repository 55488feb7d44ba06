import { type ByteSource, piecesOf } from '../bytes/byte-source.ts';

/** Of st_mode: permissions, with setuid, setgid and sticky. */
export const PERMISSION_BITS = 0o7777;

/** How content is handed on, in bytes a piece. */
const PIECE = 1024 * 1024;

/** A source from beginning to end, in bounded pieces; it ends early where the source does. */
export const contentOf = (source: ByteSource): AsyncIterable<Uint8Array> => piecesOf(source, PIECE);

/** That many zero bytes, in bounded pieces. */
export function* zeros(length: number): Iterable<Uint8Array> {
  for (let left = length; left > 0; left -= PIECE) yield new Uint8Array(Math.min(PIECE, left));
}
