/** The kubelet that runs here: does it take checkpoints, and can anybody have it fill the disk with them? */
import { findOption } from './command-line.ts';
import type { Finding } from './finding.ts';
import { askVersion, type HostProcess } from './host-process.ts';
import { findSetting, type Setting } from './kubelet-setting.ts';
import { FIRST_WITH_API, FIRST_WITH_API_ON, fixOf, hasDiskHole } from './kubelet-versions.ts';
import { type NodeFacts, withheld } from './node-facts.ts';
import type { NodeProbe } from './node-probe.ts';
import { formatVersion, isAtLeast, parseVersion, type Version } from './version.ts';

const ABOUT = { id: 'kubelet', title: 'kubelet' } as const;
const HOLE = { id: 'kubelet-disk-hole', title: 'kubelet, GO-2025-3465' } as const;

export async function checkKubelet({ probe, kubelet }: NodeFacts): Promise<readonly Finding[]> {
  if (kubelet === undefined) {
    const evidence = `no kubelet was seen among the processes${withheld(probe)}`;
    return [{ ...ABOUT, status: 'unknown', evidence, cure: [] }];
  }
  const seen = `${kubelet.name} (process ${kubelet.pid})`;
  const version = parseVersion((await askVersion(probe, kubelet))?.text ?? '');
  if (version === undefined) {
    return [{ ...ABOUT, status: 'unknown', evidence: `${seen} does not say its version`, cure: [] }];
  }
  const gate = await findSetting(probe, kubelet, ['ContainerCheckpoint'], /true|false/);
  const takesCheckpoints = judgeGate(`${seen} ${formatVersion(version)}`, version, gate);
  if (takesCheckpoints.status !== 'ok') return [takesCheckpoints];
  return [takesCheckpoints, await judgeHole(probe, kubelet, version)];
}

function judgeGate(seen: string, version: Version, gate: Setting | undefined): Finding {
  if (!isAtLeast(version, FIRST_WITH_API)) {
    const cure = ['upgrade to Kubernetes 1.30 or later'];
    return { ...ABOUT, status: 'failure', evidence: `${seen} knows no checkpoints`, cure };
  }
  const isOn = gate === undefined ? isAtLeast(version, FIRST_WITH_API_ON) : gate.value === 'true';
  const why = gate === undefined ? 'by default' : `by ${gate.where}`;
  const evidence = `${seen}: feature gate ContainerCheckpoint is ${isOn ? 'on' : 'off'} ${why}`;
  if (isOn) return { ...ABOUT, status: 'ok', evidence, cure: [] };
  const cure = ['set the feature gate ContainerCheckpoint=true for the kubelet, then restart it'];
  return { ...ABOUT, status: 'failure', evidence, cure };
}

/** Through the read-only port anybody can ask for checkpoints. */
async function judgeHole(probe: NodeProbe, kubelet: HostProcess, version: Version): Promise<Finding> {
  if (!hasDiskHole(version)) {
    const evidence = `${formatVersion(version)} does not have this hole of older kubelets`;
    return { ...HOLE, status: 'ok', evidence, cure: [] };
  }
  const port = await findSetting(probe, kubelet, ['readOnlyPort', 'read-only-port'], /\d+/);
  const number = port?.value ?? defaultPort(kubelet);
  const told = `${formatVersion(version)} has this hole`;
  const where = port === undefined ? 'by default' : `by ${port.where}`;
  if (number === '0') {
    return {
      ...HOLE,
      status: 'ok',
      evidence: `${told}, but its read-only port is closed ${where}`,
      cure: [],
    };
  }
  const evidence = `${told}: anybody who reaches port ${number} (${where}) can fill the disk with checkpoints`;
  return {
    ...HOLE,
    status: 'failure',
    evidence,
    cure: ['set readOnlyPort: 0', `upgrade to ${formatVersion(fixOf(version))} or later`],
  };
}

/** Open where a kubelet is started with flags alone; closed where it has a configuration file, or is k3s' own. */
function defaultPort({ name, argv }: HostProcess): string {
  return name === 'kubelet' && findOption(argv, ['--config']) === undefined ? '10255' : '0';
}
