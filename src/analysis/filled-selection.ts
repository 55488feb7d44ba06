import type { ByteSource } from '../bytes/byte-source.ts';
import type { Note } from '../bytes/note.ts';
import { BackingFiles } from '../checkpoint/backing-files.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { fillMemory } from '../checkpoint/filled-memory.ts';
import type { RootFiles } from '../checkpoint/root-files.ts';
import { type MemoryFilter, type SelectedMemory, selectMemory } from './memory-selection.ts';

export interface FilledSelection {
  readonly memory: readonly SelectedMemory[];
  /** What is asked first for the entries of locations; undefined where nothing was filled. */
  readonly sourceOf: ((entry: string) => ByteSource | undefined) | undefined;
  /** Closes the file that was read last. */
  close(): Promise<void>;
}

/**
 * As `selectMemory`; with a root filesystem, what mapped files held is filled in from it, and from the archive for files
 * that the container wrote or deleted. `onNote` is told of files that are not the ones that were mapped.
 */
export async function selectFilled(
  checkpoint: Checkpoint,
  filter?: MemoryFilter,
  files?: RootFiles,
  onNote: (note: Note) => void = () => undefined,
): Promise<FilledSelection> {
  const memory = await selectMemory(checkpoint, filter);
  if (files === undefined) return { memory, sourceOf: undefined, close: async () => undefined };
  const warn = (message: string): void => onNote({ severity: 'warning', message });
  const spaces = memory.map(({ space }) => space);
  const {
    spaces: filled,
    sourceOf,
    close,
  } = await fillMemory(spaces, await BackingFiles.of(checkpoint, files, warn));
  return {
    memory: memory.map(({ process, space }, index) => ({ process, space: filled[index] ?? space })),
    sourceOf,
    close,
  };
}
