/** The options that runc (/etc/criu/runc.conf) and crun (/etc/criu/crun.conf) hand to CRIU for every container. */

import { CRIU_OPTIONS } from '../criu-advice.ts';
import { parseOptions } from '../preflight/criu-options.ts';
import { changeCommands } from './change.ts';
import type { Finding } from './finding.ts';
import type { NodeFacts } from './node-facts.ts';

const OPTIONS = Object.values(CRIU_OPTIONS);

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
