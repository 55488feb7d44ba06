import { parseByteSize } from './byte-size.ts';
import type { Decoders } from './decoder.ts';
import { ExhibitError } from './exhibit-error.ts';
import { fileSpills } from './file-spill.ts';
import { nodeDecoders } from './node-decoders.ts';
import type { SpillFactory } from './spill.ts';

/** The options of `openArchive` that are right on Node. */
export interface NodeUnpacking {
  readonly spill: SpillFactory;
  readonly decoders: Decoders;
  readonly unpackedLimit: number | undefined;
}

/**
 * Where and how archives are unpacked, from environment variables: `TMPDIR`, the folder for temporary files, and
 * `EXHIBIT_UNPACK_LIMIT`, the most bytes that an archive may become (`500G`; units of 1024). Throws `BAD_RANGE` when that
 * is no number.
 */
export function nodeUnpacking(environment: Readonly<Record<string, string | undefined>>): NodeUnpacking {
  return {
    spill: fileSpills(environment.TMPDIR || undefined),
    decoders: nodeDecoders(),
    unpackedLimit: parseLimit(environment.EXHIBIT_UNPACK_LIMIT),
  };
}

function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const limit = parseByteSize(text);
  if (limit !== undefined) return limit;
  throw new ExhibitError(
    'BAD_RANGE',
    `EXHIBIT_UNPACK_LIMIT is ${text}; it must be a number of bytes such as 500G`,
  );
}
