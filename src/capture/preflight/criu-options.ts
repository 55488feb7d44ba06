/**
 * What the runtime tells CRIU beyond its own flags: a file of long options, one a line, `NAME`, `NAME VALUE` or
 * `NAME=VALUE`, `#` begins a comment (criu(8), "Configuration files"). runc reads /etc/criu/runc.conf, crun
 * /etc/criu/crun.conf, each at every checkpoint. /etc/criu/default.conf is not read on their behalf (measured with CRIU
 * 4.2.1 under runc 1.3).
 */
import path from 'node:path';
import { readNames, readStart } from './bounded-read.ts';

export interface CriuOptions {
  /** The file that they are from, whether it is there or not. */
  readonly file: string;
  /** Each option's values in the order of the file; an option without one has the value ''. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** A configuration file that a person wrote. */
const MAX_FILE_BYTES = 256 * 1024;

/**
 * Reads the options for container `id`; those in `given` (names) the runtime passes by itself. Which runtime runs it is told by the
 * folders that runc and crun keep.
 */
export async function readCriuOptions(
  id: string,
  root = '/',
  given: readonly string[] = [],
): Promise<CriuOptions> {
  const isCrun = (await readNames(path.join(root, 'run/crun', id))) !== undefined;
  const file = isCrun ? '/etc/criu/crun.conf' : '/etc/criu/runc.conf';
  const text = (await readStart(path.join(root, file), MAX_FILE_BYTES)) ?? '';
  return { file, values: new Map([...given.map((name) => [name, ['']] as const), ...parseOptions(text)]) };
}

/** The options of such a file by name. */
export function parseOptions(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^\s*([\w-]+)\s*=?\s*(.*?)\s*(?:#.*)?$/.exec(line) ?? [];
    if (name === undefined) continue;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return values;
}

/** A command that adds lines to the file. The runtime reads it anew at each checkpoint. */
export function addLines({ file }: CriuOptions, lines: readonly string[]): string {
  const quoted = lines.map((line) => `'${line.replaceAll("'", "'\\''")}'`).join(' ');
  return `mkdir -p /etc/criu && printf '%s\\n' '' ${quoted} >>${file}`;
}
