/**
 * What nodes can do by the versions that they tell. Sources: the kubelet's feature gates (ContainerCheckpoint: alpha in
 * 1.25, beta in 1.30), GO-2025-3465 (CVE-2025-0426), containerd's and CRI-O's release notes.
 */
import type { ClusterNode } from './cluster-node.ts';
import type { NodeVerdict } from './node-verdict.ts';

type Judgement = Omit<NodeVerdict, 'node'>;

/** The first minor version of 1.x with the checkpoint API. */
const FIRST_MINOR = 25;
/** The first in which it is on by default. */
const ON_BY_DEFAULT_MINOR = 30;

/** Minor version of 1.x → its first patch in which the kubelet's read-only port takes no checkpoints. */
const HOLE_CLOSED: Readonly<Record<number, number>> = { 29: 14, 30: 10, 31: 6, 32: 2 };
const FIRST_MINOR_WITHOUT_HOLE = 33;

/** A kubelet that has the checkpoint API, and without the hole that lets anybody fill the node's disk through it. */
export function judgeKubelet({ kubeletVersion: version }: ClusterNode): Judgement {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.map(Number) ?? [];
  if (major === undefined || minor === undefined || patch === undefined) {
    return { status: 'unknown', evidence: `"${version}" is no version`, cure: [] };
  }
  if (major === 1 && minor < FIRST_MINOR) {
    const evidence = `${version} has no checkpoint API: 1.${FIRST_MINOR} is the first`;
    return { status: 'failure', evidence, cure: [`update the kubelet to 1.${ON_BY_DEFAULT_MINOR} or later`] };
  }
  if (major === 1 && minor < FIRST_MINOR_WITHOUT_HOLE && patch < (HOLE_CLOSED[minor] ?? Infinity)) {
    return hole(version, minor);
  }
  return { status: 'ok', evidence: version, cure: [] };
}

function hole(version: string, minor: number): Judgement {
  const fixed = minor in HOLE_CLOSED ? `1.${minor}.${HOLE_CLOSED[minor]}` : '1.29.14';
  return {
    status: 'warning',
    evidence:
      `${version} takes checkpoints over its read-only port from anybody, who can fill the node's disk with them ` +
      '(GO-2025-3465), where that port and the feature gate ContainerCheckpoint are on',
    cure: [
      `update the kubelet to ${fixed} or later`,
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
