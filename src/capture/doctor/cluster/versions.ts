/** What nodes can do by the versions that they tell. Source for runtimes: containerd's and CRI-O's release notes. */

import type { ClusterNode } from '../../cluster/nodes.ts';
import { FIRST_WITH_API, FIRST_WITH_API_ON, fixOf, hasDiskHole } from '../kubelet-versions.ts';
import { formatVersion, isAtLeast, parseVersion } from '../version.ts';
import type { NodeVerdict } from './node-verdict.ts';

type Judgement = Omit<NodeVerdict, 'node'>;

/** A kubelet that has the checkpoint API, and without the hole that lets anybody fill the node's disk through it. */
export function judgeKubelet({ kubeletVersion: version }: ClusterNode): Judgement {
  const parsed = parseVersion(version);
  if (parsed === undefined) return { status: 'unknown', evidence: `"${version}" is no version`, cure: [] };
  if (!isAtLeast(parsed, FIRST_WITH_API)) {
    const evidence = `${version} has no checkpoint API: ${formatVersion(FIRST_WITH_API)} is the first`;
    const cure = [`update the kubelet to ${formatVersion(FIRST_WITH_API_ON)} or later`];
    return { status: 'failure', evidence, cure };
  }
  if (!hasDiskHole(parsed)) return { status: 'ok', evidence: version, cure: [] };
  return {
    status: 'warning',
    evidence:
      `${version} takes checkpoints over its read-only port from anybody, who can fill the node's disk with them ` +
      '(GO-2025-3465), where that port and the feature gate ContainerCheckpoint are on',
    cure: [
      `update the kubelet to ${formatVersion(fixOf(parsed))} or later`,
      "until then, in the kubelet's configuration: readOnlyPort: 0",
    ],
  };
}

/** Runtime → the first version that takes checkpoints for the kubelet. */
const RUNTIMES: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  containerd: [2, 0],
  'cri-o': [1, 25],
};

/** A runtime that can checkpoint, on a system that CRIU is for. */
export function judgeRuntime({ runtime, system }: ClusterNode): Judgement {
  if (system !== 'linux') {
    return { status: 'warning', evidence: `${system}: only Linux has CRIU`, cure: [] };
  }
  const [, name = '', major, minor] = /^([\w-]+):\/\/v?(\d+)\.(\d+)/.exec(runtime) ?? [];
  const first = RUNTIMES[name];
  if (first === undefined) {
    const evidence = `${runtime || 'no runtime told'}: containerd and CRI-O are known to checkpoint`;
    return { status: 'unknown', evidence, cure: [] };
  }
  const isEnough = Number(major) > first[0] || (Number(major) === first[0] && Number(minor) >= first[1]);
  if (isEnough) return { status: 'ok', evidence: runtime, cure: [] };
  const since = first.join('.');
  return {
    status: 'failure',
    evidence: `${runtime} cannot checkpoint: ${name} can from ${since} on`,
    cure: [`update ${name} to ${since} or later`],
  };
}
