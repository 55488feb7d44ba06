/**
 * Files that memory was mapped from, for the pages that an archive leaves out because they are unmodified: those whose
 * content the archive itself has (deleted ones, those that the container wrote), and those of a root filesystem that the
 * user names. An archive records no more of a file than its size, so that is all that is compared.
 */
import { bufferSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import type { MappedFile } from './address-space.ts';
import type { Checkpoint, HeldFile } from './checkpoint.ts';
import { type ClosableSource, closable, type RootFiles } from './root-files.ts';

/** Where the content of a mapped file is from. */
export type BackingOrigin = 'archive' | 'rootfs';

export interface BackingFile {
  readonly origin: BackingOrigin;
  /** In bytes. */
  readonly size: number;
  open(): Promise<ClosableSource>;
}

/**
 * A held file is read as a whole: those inside compressed archives have no other order. Deleted files have at most 1 MiB
 * (CRIU's ghost limit); programs that a container writes and runs are rarely larger than this, in bytes.
 */
const MAX_HELD_SIZE = 32 * 1024 * 1024;

export class BackingFiles {
  readonly #held: ReadonlyMap<string, HeldFile>;
  /** Paths of the root filesystem that are no longer the image's. */
  readonly #changed: ReadonlySet<string>;
  readonly #root: RootFiles | undefined;
  readonly #warn: (message: string) => void;

  private constructor(
    held: ReadonlyMap<string, HeldFile>,
    changed: ReadonlySet<string>,
    root: RootFiles | undefined,
    warn: (message: string) => void,
  ) {
    this.#held = held;
    this.#changed = changed;
    this.#root = root;
    this.#warn = warn;
  }

  /** `warn` is told of files that are there but not the ones that were mapped. */
  static async of(
    checkpoint: Checkpoint,
    root: RootFiles | undefined,
    warn: (message: string) => void,
  ): Promise<BackingFiles> {
    const held = new Map<string, HeldFile>();
    for (const file of await checkpoint.heldFiles()) {
      if (file.kind !== 'memfd' && file.kind !== 'shared-memory')
        held.set(heldKey(file.path, isDeleted(file)), file);
    }
    const changed = new Set((await checkpoint.rootfsChanges()).map(({ path }) => path));
    return new BackingFiles(held, changed, root, warn);
  }

  /** Undefined when neither the archive nor the root filesystem has the file that was mapped. */
  async find(mapped: MappedFile): Promise<BackingFile | undefined> {
    const held = this.#held.get(heldKey(mapped.path, mapped.deleted));
    // What the container wrote is no longer the image's file, even if it is too large to be taken from the archive.
    if (held !== undefined)
      return this.#fits(mapped, held.size, 'the archive') ? heldBacking(held) : undefined;
    if (mapped.deleted || this.#root === undefined || this.#changed.has(mapped.path)) return undefined;
    return this.#fromRoot(mapped, this.#root);
  }

  async #fromRoot(mapped: MappedFile, root: RootFiles): Promise<BackingFile | undefined> {
    const source = await root.open(mapped.path);
    if (source === undefined) return undefined;
    const { size } = source;
    await source.close();
    if (!this.#fits(mapped, size, root.name)) return undefined;
    const open = async (): Promise<ClosableSource> => (await root.open(mapped.path)) ?? EMPTY;
    return { origin: 'rootfs', size, open };
  }

  #fits({ path, size }: MappedFile, found: number, where: string): boolean {
    if (size === undefined || size === found) return true;
    this.#warn(
      `${path} of ${where} has ${found} bytes, the file that was mapped had ${size}: it is not used`,
    );
    return false;
  }
}

const isDeleted = ({ kind }: HeldFile): boolean => kind === 'deleted';
const heldKey = (path: string, deleted: boolean): string => `${deleted}:${path}`;

const EMPTY = closable(bufferSource(new Uint8Array(0)));

function heldBacking(file: HeldFile): BackingFile | undefined {
  if (file.size > MAX_HELD_SIZE) return undefined;
  return {
    origin: 'archive',
    size: file.size,
    open: async () => closable(bufferSource(await collect(file))),
  };
}

async function collect(file: HeldFile): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of file.content()) {
    length += piece.length;
    if (length > MAX_HELD_SIZE) break;
    pieces.push(piece);
  }
  return concat(pieces);
}
