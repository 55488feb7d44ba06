/**
 * CRIU packs tmpfs mounts with the first `tar` in the PATH of the container runtime, and needs GNU tar's options. k3s
 * and RKE2 put a folder with BusyBox's tar first: "tar: unrecognized option '--no-unquote'".
 */
import { changeCommands } from './change.ts';
import type { Finding } from './finding.ts';
import { DEFAULT_FOLDERS, type FoundProgram, findProgram } from './host-process.ts';
import { type NodeFacts, withheld } from './node-facts.ts';

export async function checkTar({
  probe,
  runtime,
  folders,
  foldersOf,
  installCommand,
}: NodeFacts): Promise<Finding> {
  const about = { id: 'tar', title: "the runtime's tar" } as const;
  if (runtime?.folders === undefined) {
    const what =
      runtime === undefined
        ? 'neither containerd nor CRI-O was seen'
        : `the PATH of ${runtime.name} is withheld`;
    return { ...about, status: 'unknown', evidence: `${what}${withheld(probe)}`, cure: [] };
  }
  const first = await findProgram(probe, 'tar', folders);
  if (first === undefined) {
    const evidence = `${foldersOf} finds no tar in ${folders.join(':')}`;
    return { ...about, status: 'failure', evidence, cure: [installCommand('tar')] };
  }
  const evidence = `${foldersOf} finds ${first.file}: ${first.said.trim().split('\n')[0]}`;
  if (isGnu(first)) return { ...about, status: 'ok', evidence, cure: [] };
  const gnu = await findProgram(probe, 'tar', [...folders, ...DEFAULT_FOLDERS], isGnu);
  const failure = {
    ...about,
    status: 'failure',
    evidence: `${evidence}; captures of containers with a tmpfs fail`,
  } as const;
  if (gnu === undefined)
    return { ...failure, cure: [`${installCommand('tar')}    # GNU tar; then look again`] };
  const fix = [{ kind: 'link', path: first.file, target: gnu.file }] as const;
  return { ...failure, cure: fix.flatMap(changeCommands), fix };
}

const isGnu = ({ said }: FoundProgram): boolean => said.includes('GNU tar');
