/** runc hands /etc/criu/runc.conf to CRIU: one option a line, as on its command line without `--`; `#` is a comment. */
import { changeCommands } from './change.ts';
import type { Finding } from './finding.ts';
import type { NodeProbe } from './node-probe.ts';

const RUNC_CONF = '/etc/criu/runc.conf';

/** What containers that have it cannot be captured without. */
const OPTIONS = [
  { name: 'tcp-established', line: 'tcp-established' },
  { name: 'file-locks', line: 'file-locks' },
  { name: 'ghost-limit', line: 'ghost-limit 512M' },
  { name: 'ext-unix-sk', line: 'ext-unix-sk' },
] as const;

export async function checkRuncConf(node: NodeProbe): Promise<Finding> {
  const about = { id: 'runc-conf', title: 'CRIU options for runc' } as const;
  const text = await node.read(RUNC_CONF);
  const set = new Set((text ?? '').split('\n').map((line) => /^[\w-]+/.exec(line.trim())?.[0]));
  const missing = OPTIONS.filter(({ name }) => !set.has(name));
  if (missing.length === 0) {
    return { ...about, status: 'ok', evidence: `${RUNC_CONF} has all that hard containers need`, cure: [] };
  }
  const what = missing.map(({ name }) => name).join(', ');
  const evidence =
    text === undefined ? `${RUNC_CONF} is not there: no ${what}` : `${RUNC_CONF} lacks ${what}`;
  const fix = [{ kind: 'lines', path: RUNC_CONF, lines: missing.map(({ line }) => line) }] as const;
  return { ...about, status: 'warning', evidence, cure: fix.flatMap(changeCommands), fix };
}
