/**
 * gzip (RFC 1952) by the web's own decoder, so that it works wherever JavaScript does. It reads one member and reports
 * damage without saying where; on Node `bytes/node-decoders.ts` is faster, reads several members and loses nothing before the damage.
 */
import { piecesOf } from '../bytes/byte-source.ts';
import type { Decoder } from '../bytes/decoder.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';

const PIECE = 64 * 1024;

export const gunzip: Decoder = async function* (source, options) {
  const stream = new DecompressionStream('gzip');
  const writer = stream.writable.getWriter();
  let sourceError: unknown;
  const feed = async (): Promise<void> => {
    try {
      for await (const piece of piecesOf(source, PIECE, options))
        await writer.write(piece as Uint8Array<ArrayBuffer>);
      await writer.close();
    } catch (error) {
      sourceError = error;
      await writer.abort(error).catch(() => undefined);
    }
  };
  const fed = feed();
  const reader = stream.readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    if (sourceError instanceof ExhibitError || options.signal?.aborted) throw sourceError;
    throw new ExhibitError('MALFORMED', 'the gzip data is damaged or cut short', { cause });
  } finally {
    await reader.cancel().catch(() => undefined);
    await fed;
  }
};
