import { describe, expect, it } from 'vitest';
import { forgeMm, forgePagemap, forgeTasks, openForged } from '../../../test/support/checkpoint-forge.ts';
import { hexDump } from '../../bytes/hex-dump.ts';
import type { Io } from '../io.ts';
import { openOutput } from '../output.ts';
import { dumpProcess } from './memory-dump.ts';

/** More than is written at once, twice; and regions that end in the middle of such a piece. */
const REGIONS = [
  { start: 0x7fff_fff0_0000n, pages: 150 },
  { start: 0x7fff_fff9_6000n, pages: 1 },
  { start: 0x7fff_ffff_f000n, pages: 70 },
];

describe('dumpProcess', () => {
  it('writes each row of each region once, as hexDump writes it', async () => {
    const length = 4096 * REGIONS.reduce((sum, { pages }) => sum + pages, 0);
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 12)) % 256);
    const checkpoint = await openForged({
      images: {
        ...forgeTasks([{ pid: 1 }]),
        'mm-1.img': forgeMm({
          vmas: REGIONS.map(({ start, pages }) => ({ start, end: start + BigInt(pages * 4096) })),
        }),
        'pagemap-1.img': forgePagemap(REGIONS.map(({ start, pages }) => [start, pages, 4])),
        'pages-1.img': bytes,
      },
    });
    const [process] = await checkpoint.processes();
    if (process === undefined) throw new Error('no process');
    const pieces: Uint8Array[] = [];
    const io = { out: collect, outBytes: collect, interactive: false } as unknown as Io;
    async function collect(data: string | Uint8Array): Promise<void> {
      pieces.push(Buffer.from(data));
    }
    const output = await openOutput(undefined, io);
    await dumpProcess(process, await process.addressSpace(), { fold: false }, io, output);

    let offset = 0;
    const expected = REGIONS.flatMap(({ start, pages }) => {
      offset += pages * 4096;
      const region = bytes.subarray(offset - pages * 4096, offset);
      return hexDump(region, start, { addressDigits: 16 });
    });
    const rows = Buffer.concat(pieces).toString().split('\n');
    expect(rows.filter((line) => line !== '' && !line.startsWith('#'))).toEqual(expected);
  });
});
