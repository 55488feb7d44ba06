/** Whether what the container runtime starts can take checkpoints. */
import type { Finding } from './finding.ts';
import type { NodeFacts } from './node-facts.ts';
import type { OciRuntime } from './oci-programs.ts';
import { formatVersion, parseVersion } from './version.ts';

export async function checkOciRuntime(facts: NodeFacts): Promise<Finding> {
  const about = { id: 'oci-runtime', title: 'OCI runtime' } as const;
  const found = facts.ociRuntimes;
  if (found.length === 0) {
    const evidence = `${facts.foldersOf} finds neither runc nor crun in ${facts.folders.join(':')}`;
    return { ...about, status: 'warning', evidence, cure: [facts.installCommand('runc')] };
  }
  const evidence = found.map(describe).join(', ');
  const unable = found.filter(({ name, said }) => name === 'crun' && !said.includes('+CRIU'));
  if (unable.length === 0) return { ...about, status: 'ok', evidence, cure: [] };
  const cure = ['install a crun that was built with CRIU, or let the container runtime use runc'];
  // Where runc is there too, it may be the one that is used.
  const status = unable.length === found.length ? 'failure' : 'warning';
  return { ...about, status, evidence: `${evidence}: this crun takes no checkpoints (no +CRIU)`, cure };
}

function describe({ file, said }: OciRuntime): string {
  const version = parseVersion(said);
  return version === undefined ? file : `${file} ${formatVersion(version)}`;
}
