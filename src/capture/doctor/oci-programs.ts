/** Finds runc and crun: what the container runtime starts, and what starts CRIU. */
import { type FoundProgram, findProgram, type HostProcess } from './host-process.ts';
import type { NodeProbe } from './node-probe.ts';

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
