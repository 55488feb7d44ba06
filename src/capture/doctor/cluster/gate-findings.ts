import type { Finding } from '../finding.ts';
import type { GateAnswer, NodeGate } from './gate.ts';
import { findingsOf, type NodeVerdict } from './node-verdict.ts';

const WAYS: Readonly<Record<GateAnswer['way'], string>> = {
  proxy: "through the API server's node proxy",
  kubelet: 'directly',
};

/** What the kubelets answered, node by node. */
export function gateFindings(gates: readonly NodeGate[]): readonly Finding[] {
  const about = { id: 'feature-gate', title: "The kubelets' checkpoint API" };
  return findingsOf(
    about,
    gates.map(({ node, answers }) => ({ node, ...judge(answers) })),
  );
}

function judge(answers: readonly GateAnswer[]): Omit<NodeVerdict, 'node'> {
  const last = answers.at(-1);
  if (last === undefined) {
    return { status: 'unknown', evidence: 'not asked: this user has no way to the kubelet', cure: [] };
  }
  const asked = `asked ${WAYS[last.way]}`;
  if (last.state === 'on') {
    return { status: 'ok', evidence: `it takes checkpoints: ContainerCheckpoint is on, ${asked}`, cure: [] };
  }
  if (last.state === 'off') {
    const evidence = `${last.error.message} It was ${asked}`;
    return { status: 'failure', evidence, cure: last.error.help };
  }
  // Each way that was tried failed in its own way.
  const evidence = answers.map(({ way, error }) => `asked ${WAYS[way]}: ${error.message}`).join('; ');
  const cure = last.error.code === 'CONNECTION_FAILED' ? BEHIND_A_FIREWALL : last.error.help;
  return { status: 'unknown', evidence, cure };
}

/** The usual case of a cluster in a cloud. */
const BEHIND_A_FIREWALL = [
  'where port 10250 of the nodes cannot be reached from here, go through the API server (nodes/proxy: create, below),',
  'or run exhibit on the node itself',
];
