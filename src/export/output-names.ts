/**
 * Names for files that are written side by side. Two paths of an archive can be one name on disk: it holds a path twice,
 * a file where another entry has a folder, or names that a file system without case or with normalised Unicode takes for
 * one. The second becomes `NAME~2`, so that none hides another.
 */
export class OutputNames {
  readonly #taken = new Map<string, { readonly path: string; readonly kind: 'file' | 'folder' }>();
  readonly #next = new Map<string, number>();

  /** Claims a name for a file. `path` is relative and normal. */
  file(path: string): string {
    const end = path.lastIndexOf('/');
    const parent = end < 0 ? '' : this.folder(path.slice(0, end));
    return this.#claim(parent, path.slice(end + 1), 'file');
  }

  /** Claims names for a folder and those above it; claiming it again gives the same. */
  folder(path: string): string {
    return path.split('/').reduce((parent, name) => this.#claim(parent, name, 'folder'), '');
  }

  #claim(parent: string, name: string, kind: 'file' | 'folder'): string {
    const wanted = parent === '' ? name : `${parent}/${name}`;
    const base = fold(wanted);
    for (let number = kind === 'file' ? (this.#next.get(base) ?? 1) : 1; ; number++) {
      const path = number === 1 ? wanted : `${wanted}~${number}`;
      const key = fold(path);
      const taken = this.#taken.get(key);
      if (taken?.kind === 'folder' && kind === 'folder') return taken.path;
      if (taken !== undefined) continue;
      this.#taken.set(key, { path, kind });
      this.#next.set(base, number + 1);
      return path;
    }
  }
}

const fold = (path: string): string => path.normalize('NFC').toLowerCase();
