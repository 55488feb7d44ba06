/** Container runtime: does its version know checkpoints, and are they switched on? */
import { findOption } from './command-line.ts';
import type { Finding } from './finding.ts';
import { askVersion, type HostProcess } from './host-process.ts';
import { type NodeFacts, withheld } from './node-facts.ts';
import type { NodeProbe } from './node-probe.ts';
import { formatVersion, isAtLeast, parseVersion } from './version.ts';

const ABOUT = { id: 'runtime', title: 'container runtime' } as const;

/** The first versions whose CRI has CheckpointContainer. */
const OLDEST = { containerd: [2, 0, 0], crio: [1, 25, 0] } as const;

export async function checkRuntime({ probe, runtime }: NodeFacts): Promise<Finding> {
  if (runtime === undefined) {
    const evidence = `neither containerd nor CRI-O was seen among the processes${withheld(probe)}`;
    return { ...ABOUT, status: 'unknown', evidence, cure: [] };
  }
  const answer = await askVersion(probe, runtime);
  const version = parseVersion(answer?.text ?? '');
  const seen = `${runtime.name} (process ${runtime.pid})`;
  if (version === undefined) {
    return { ...ABOUT, status: 'unknown', evidence: `${seen} does not say its version`, cure: [] };
  }
  const told = `${seen} ${formatVersion(version)}`;
  const oldest = runtime.name === 'crio' ? OLDEST.crio : OLDEST.containerd;
  if (!isAtLeast(version, oldest)) {
    const cure = [`upgrade it to ${formatVersion(oldest)} or later`];
    return { ...ABOUT, status: 'failure', evidence: `${told} cannot take checkpoints for Kubernetes`, cure };
  }
  const { option, setting } = await findSwitch(probe, runtime);
  if (setting === undefined && runtime.name === 'crio') {
    const evidence = `${told}: ${option} is not set, which older versions take for off`;
    return { ...ABOUT, status: 'unknown', evidence, cure: [`set ${option} = true in ${CRIO_DROP_INS}`] };
  }
  if (setting === undefined || setting.isOn) return { ...ABOUT, status: 'ok', evidence: told, cure: [] };
  const cure = [`set ${option} = true in ${setting.file}, then restart ${runtime.name}`];
  return { ...ABOUT, status: 'failure', evidence: `${told}: ${option} = false in ${setting.file}`, cure };
}

interface Switch {
  readonly option: string;
  /** Undefined where no file sets it. */
  readonly setting: { readonly file: string; readonly isOn: boolean } | undefined;
}

/** Where it is not set, containerd and the CRI-O of today take it for on. */
const OPTIONS = { containerd: 'enable_criu', crio: 'enable_criu_support' } as const;

async function findSwitch(probe: NodeProbe, runtime: HostProcess): Promise<Switch> {
  const option = runtime.name === 'crio' ? OPTIONS.crio : OPTIONS.containerd;
  const pattern = new RegExp(`^\\s*${option}\\s*=\\s*(true|false)\\b`, 'm');
  let setting: Switch['setting'];
  for (const file of await configurationFiles(probe, runtime)) {
    const value = pattern.exec((await probe.read(file)) ?? '')?.[1];
    if (value !== undefined) setting = { file, isOn: value === 'true' };
  }
  return { option, setting };
}

const CRIO_DROP_INS = '/etc/crio/crio.conf.d';

/** In the order in which later ones override earlier ones. */
async function configurationFiles(probe: NodeProbe, { name, argv }: HostProcess): Promise<readonly string[]> {
  const given = findOption(argv, ['--config', '-c']);
  if (name === 'containerd') return [given ?? '/etc/containerd/config.toml'];
  const dropIns = [...(await probe.list(CRIO_DROP_INS))].sort().map((file) => `${CRIO_DROP_INS}/${file}`);
  return [given ?? '/etc/crio/crio.conf', ...dropIns];
}
