import { toHex } from '../../analysis/byte-text.ts';
import { selectFilled } from '../../analysis/filled-selection.ts';
import { dumpMemory } from '../../analysis/memory-dump.ts';
import type { MemoryFilter, SelectedMemory } from '../../analysis/memory-selection.ts';
import { formatAddress } from '../../bytes/brand.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { toJson } from '../terminal/escape.ts';
import { dumpProcess } from '../views/memory-dump.ts';
import type { Outside } from './print-hits.ts';

/** Prints the bytes of a range of memory, of each process that has something there. Throws `BAD_RANGE` where none has. */
export async function printHexDump(
  checkpoint: Checkpoint,
  filter: MemoryFilter,
  outside: Outside,
): Promise<void> {
  const { files, notes } = outside;
  const { memory, close } = await selectFilled(checkpoint, filter, files, (note) => notes.push(note));
  try {
    const mapped = memory.filter(({ space }) => space.regions.length > 0);
    if (mapped.length === 0) {
      const message = 'no process has memory there; --regions shows which addresses are mapped';
      throw new ExhibitError('BAD_RANGE', message);
    }
    for (const each of mapped) await printProcess(checkpoint, each, outside);
  } finally {
    await close();
  }
}

async function printProcess(
  checkpoint: Checkpoint,
  { process, space }: SelectedMemory,
  { io, output, json }: Outside,
): Promise<void> {
  if (!json) {
    await dumpProcess(process, space, { fold: false }, io, output);
    return;
  }
  const { pid, comm } = process;
  for await (const part of dumpMemory(space)) {
    if (part.kind === 'region') continue;
    const what =
      part.kind === 'bytes'
        ? {
            length: part.bytes.length,
            origin: part.file === undefined ? 'present' : 'file',
            file: part.file?.path,
            hex: toHex(part.bytes),
          }
        : { length: part.length, origin: part.origin };
    const place = { archive: checkpoint.name, pid, comm, address: formatAddress(part.address) };
    await output.text(`${toJson({ ...place, ...what }, 0)}\n`);
  }
}
