/**
 * CRIU closes a pod's network while it writes down its connections, with iptables-restore. Without that program the
 * capture of any container fails that is not in the node's own network (measured with 4.2.1, with and without
 * connections).
 */
import { parseOptions } from '../preflight/criu-options.ts';
import { optionsFile } from './criu-options.ts';
import type { Finding } from './finding.ts';
import { findProgram } from './host-process.ts';
import type { NodeFacts } from './node-facts.ts';

const PROGRAMS = ['iptables-restore', 'ip6tables-restore'] as const;

export async function checkIptables(facts: NodeFacts): Promise<Finding> {
  const about = { id: 'iptables', title: 'iptables' } as const;
  const { probe, folders, foldersOf, ociRuntimes } = facts;
  const found = await Promise.all(PROGRAMS.map((name) => findProgram(probe, name, folders)));
  const missing = PROGRAMS.filter((_, index) => found[index] === undefined);
  if (missing.length === 0) {
    const evidence = `${foldersOf} finds ${found.map((program) => program?.file).join(', ')}`;
    return { ...about, status: 'ok', evidence, cure: [] };
  }
  const file = optionsFile(ociRuntimes[0]?.name ?? 'runc');
  if (parseOptions((await probe.read(file)) ?? '').has('network-lock')) {
    const evidence = `no ${missing.join(', ')}, and ${file} has CRIU lock networks in another way`;
    return { ...about, status: 'ok', evidence, cure: [] };
  }
  const evidence = `${foldersOf} finds no ${missing.join(', ')}: no container with a network of its own is captured`;
  const cure = [
    facts.installCommand('iptables'),
    `printf '%s\\n' '' 'network-lock skip' >>${file}    # or this: networks stay open meanwhile`,
  ];
  return { ...about, status: 'failure', evidence, cure };
}
