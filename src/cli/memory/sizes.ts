import { measureEntropy } from '../../analysis/entropy.ts';
import { type MemoryFilter, type SelectedMemory, selectMemory } from '../../analysis/memory-selection.ts';
import { type MemoryRegion, measureProcess, measureRegions } from '../../analysis/memory-sizes.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { toJson } from '../terminal/escape.ts';
import { formatBytes } from '../terminal/format.ts';
import { startProgress } from '../terminal/progress.ts';
import { NOT_RESTORABLE, paragraph, renderHidden, renderUnreadable } from '../views/capture-limits.ts';
import { renderProcessSizes, renderRegions } from '../views/memory-regions.ts';
import type { ViewOptions } from '../views/section.ts';
import type { Outside } from './print-hits.ts';

/** A line for each process: how much memory it has, and what of it the archive holds. */
export async function printProcesses(
  checkpoint: Checkpoint,
  filter: MemoryFilter,
  { io, output, json }: Outside,
): Promise<void> {
  const memory = await selectMemory(checkpoint, filter);
  const sizes = memory.map((selected) => measureProcess(checkpoint, selected));
  if (json) await output.text(sizes.map((size) => `${toJson(size, 0)}\n`).join(''));
  else {
    const view = tableOptions({ io, output });
    const limits = memory.map(({ process }) => renderUnreadable(checkpoint.capture, process.pid, view));
    await output.text([renderProcessSizes(sizes, view), ...limits, memoryLimits(checkpoint, view)].join(''));
  }
}

/** The regions of each process that the filter leaves. */
export async function printRegions(
  checkpoint: Checkpoint,
  filter: MemoryFilter,
  options: { readonly entropy: boolean },
  outside: Outside,
): Promise<void> {
  const { io, output, json } = outside;
  const memory = await selectMemory(checkpoint, filter);
  const entropies = options.entropy ? await entropiesOf(memory, checkpoint, outside) : undefined;
  let count = 0;
  for (const selected of memory) {
    const { space } = selected;
    const regions = measureRegions(checkpoint.name, selected, ({ start }) => {
      const region = space.regionAt(start);
      return region && entropies?.get(region);
    });
    count += regions.length;
    if (json) await output.text(jsonLines(regions));
    else if (regions.length > 0) {
      const view = { ...tableOptions(outside), entropy: options.entropy };
      const limits = renderUnreadable(checkpoint.capture, selected.process.pid, view);
      await output.text(renderRegions(selected.process, regions, view) + limits);
    }
  }
  if (!json) await output.text(memoryLimits(checkpoint, tableOptions(outside)));
  if (count === 0) io.err('exhibit: no region is as asked for; without filters all are shown\n');
}

/** A file has room for everything. */
const tableOptions = ({ io, output }: Pick<Outside, 'io' | 'output'>): ViewOptions =>
  output.isTerminal
    ? { width: io.columns, color: io.color }
    : { width: Number.POSITIVE_INFINITY, color: false };

/** What a capture without CRIU cannot show of memory. */
function memoryLimits({ capture }: Checkpoint, view: ViewOptions): string {
  if (!capture) return '';
  const hidden = renderHidden(capture.hidden, ['memory'], view);
  return paragraph([NOT_RESTORABLE], view) + hidden + renderUnreadable(capture, undefined, view);
}

const jsonLines = (regions: readonly MemoryRegion[]): string =>
  regions.map((region) => `${toJson(region, 0)}\n`).join('');

async function entropiesOf(memory: readonly SelectedMemory[], checkpoint: Checkpoint, outside: Outside) {
  const progress = startProgress(outside.io);
  try {
    return await measureEntropy(memory, checkpoint.archive, {
      onProgress: (done, total) =>
        progress.update(`measuring: ${formatBytes(done)} of ${formatBytes(total)}`),
      onNote: (note) => outside.notes.push(note),
    });
  } finally {
    progress.end();
  }
}
