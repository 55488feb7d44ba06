/** runc or crun: what the container runtime starts, and what starts CRIU. */
import type { Finding } from './finding.ts';
import { type FoundProgram, findProgram, type HostProcess } from './host-process.ts';
import type { NodeFacts } from './node-facts.ts';
import type { NodeProbe } from './node-probe.ts';
import { formatVersion, parseVersion } from './version.ts';

const NAMES = ['runc', 'crun'] as const;

export interface OciRuntime extends FoundProgram {
  readonly name: (typeof NAMES)[number];
}

/** CRI-O's packages bring runc and crun in a folder of their own. */
const CRIO_FOLDER = '/usr/libexec/crio';

export async function findOciRuntimes(
  probe: NodeProbe,
  runtime: HostProcess | undefined,
  folders: readonly string[],
): Promise<readonly OciRuntime[]> {
  const places = runtime?.name === 'crio' ? [CRIO_FOLDER, ...folders] : folders;
  const found = await Promise.all(
    NAMES.map(async (name) => {
      const program = await findProgram(probe, name, places);
      return program === undefined ? [] : [{ ...program, name }];
    }),
  );
  return found.flat();
}

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
