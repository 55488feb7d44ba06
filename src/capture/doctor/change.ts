/** What a cure does to the node, as data: told before it is done, and undone from what it replaced, but for removals. */
export type Change = Replacement | Removal;

/** A file that is of no use any more. It may be as large as a container's memory: nothing of it is kept. */
export interface Removal {
  readonly kind: 'removal';
  readonly path: string;
}

export type Replacement =
  /** A symbolic link in the place of what is at `path`. */
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  /** Lines at the end of a text file, which is made where it is not there. */
  | { readonly kind: 'lines'; readonly path: string; readonly lines: readonly string[] };

/** The change in one line, for who is asked to allow it. */
export function describeChange(change: Change): string {
  if (change.kind === 'removal') return `remove ${change.path}, which --undo does not bring back`;
  if (change.kind === 'link') return `put a link to ${change.target} in the place of ${change.path}`;
  return `add to ${change.path}: ${change.lines.join(', ')}`;
}

/** The same as a command for a shell. Keeps nothing of what it replaces but what `mv` does. */
export function changeCommands(change: Change): readonly string[] {
  const place = quote(change.path);
  if (change.kind === 'removal') return [`rm ${place}`];
  if (change.kind === 'link') {
    return [`mv ${place} ${place}.replaced && ln -s ${quote(change.target)} ${place}`];
  }
  const folder = quote(change.path.slice(0, change.path.lastIndexOf('/')) || '/');
  // The first line is empty: the file's last one may lack its end.
  return [
    `mkdir -p ${folder}`,
    `printf '%s\\n' '' ${change.lines.map((line) => `'${line.replaceAll("'", "'\\''")}'`).join(' ')} >>${place}`,
  ];
}

/** As a shell takes it for one word; what needs no quotes gets none. */
function quote(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
