/**
 * The options that runc (/etc/criu/runc.conf) and crun (/etc/criu/crun.conf) hand to CRIU for every container.
 *
 * `force-irmap` is not among them: for a watch on an overlay, of which containers are made, it changes nothing, and what
 * helps, an `irmap-scan-path` per watched folder, a node cannot know beforehand; `/` does not help (measured with 4.2.1).
 */

import { parseOptions } from '../preflight/criu-options.ts';
import { changeCommands } from './change.ts';
import type { Finding } from './finding.ts';
import type { NodeFacts } from './node-facts.ts';

/** What containers that have it cannot be captured without. None of it changes a capture that succeeds without. */
const OPTIONS = [
  { name: 'tcp-established', line: 'tcp-established', for: 'open TCP connections' },
  { name: 'file-locks', line: 'file-locks', for: 'file locks' },
  // CRIU's own limit is 1 MiB. It takes M for MiB (measured with 4.2.1).
  { name: 'ghost-limit', line: 'ghost-limit 512M', for: 'deleted files over 1 MiB that are held open' },
  { name: 'ext-unix-sk', line: 'ext-unix-sk', for: 'unix sockets that lead out' },
] as const;

/** One finding per OCI runtime that is there; runc's where none is. */
export async function checkCriuOptions({ probe, ociRuntimes }: NodeFacts): Promise<readonly Finding[]> {
  const names = ociRuntimes.length === 0 ? ['runc'] : ociRuntimes.map(({ name }) => name);
  return Promise.all(
    names.map(async (name) => {
      const file = optionsFile(name);
      return { id: `${name}-conf`, title: `CRIU options, ${name}`, ...judge(file, await probe.read(file)) };
    }),
  );
}

export const optionsFile = (ociRuntime: string): string => `/etc/criu/${ociRuntime}.conf`;

function judge(file: string, text: string | undefined): Omit<Finding, 'id' | 'title'> {
  const set = parseOptions(text ?? '');
  const missing = OPTIONS.filter(({ name }) => !set.has(name));
  if (missing.length === 0) {
    const evidence = `${file} sets ${OPTIONS.map(({ name }) => name).join(', ')}`;
    return { status: 'ok', evidence, cure: [] };
  }
  const without = missing.map((option) => `${option.name} (${option.for})`).join(', ');
  const evidence = `${file} ${text === undefined ? 'is not there' : 'lacks options'}: captures fail that need ${without}`;
  const fix = [{ kind: 'lines', path: file, lines: missing.map(({ line }) => line) }] as const;
  return { status: 'warning', evidence, cure: fix.flatMap(changeCommands), fix };
}
