import type { Command } from 'commander';
import { describeChange } from '../capture/doctor/change.ts';
import { type ClusterChoice, chooseCluster } from '../capture/doctor/cluster/choice.ts';
import { examineCluster } from '../capture/doctor/cluster/examination.ts';
import { examineNode } from '../capture/doctor/examination.ts';
import type { Finding } from '../capture/doctor/finding.ts';
import { requireOwnRoot } from '../capture/doctor/own-root.ts';
import { applyChange, undoChanges } from '../capture/doctor/treatment.ts';
import type { ClusterAccess } from '../capture/kubeconfig.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { confirm } from './terminal/confirm.ts';
import { escapeText, toJson } from './terminal/escape.ts';
import { startProgress } from './terminal/progress.ts';
import { findingLines, summaryLine, undoLine } from './views/doctor.ts';

interface DoctorOptions extends ClusterChoice {
  readonly json?: true;
  readonly fix?: true;
  readonly yes?: true;
  readonly undo?: true;
  readonly cacert?: string;
  readonly insecureSkipTlsVerify?: true;
}

const EXAMPLES = `
Run it on the node, as root. It looks at the kubelet, the container runtime, runc and crun, CRIU
and what it is told and needs, and the disk, and prints what to do. Without --fix it changes nothing.

Elsewhere, with a kubeconfig, it looks at the cluster: the versions of kubelets and runtimes, whether
kubelets take checkpoints (they are asked for one of a pod that cannot exist, so nothing is captured),
and what this user, and the API server's own client to the kubelets, are allowed. It changes nothing.

--fix asks before each cure that it can apply itself, then looks again. What it replaces is kept
in /var/lib/exhibit/doctor, and --undo puts it back, but for what was changed by others since. What
it removes (unfinished archives of captures that were killed) is gone.
An upgrade of k3s or RKE2 comes with its own tar again: run it again then.

Exit codes: 0 no failure found (warnings and unknowns are told); 1 a failure; 2 wrong command line;
3 some of what --fix had changed was changed again since, and --undo left it as it is.

Examples:
  exhibit doctor
  exhibit doctor --json | jq '.[] | select(.status != "ok")'
  exhibit doctor --fix
  exhibit doctor --fix --yes     without questions, for scripts
  exhibit doctor --undo
  exhibit doctor --cluster                            with the kubeconfig that kubectl would take
  exhibit doctor --kubeconfig admin.conf --json | jq -r '.[] | select(.status != "ok").cure[]'`;

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .option('--fix', 'apply the cures, after asking')
    .option('-y, --yes', 'with --fix: do not ask')
    .option('--undo', 'take back what --fix changed')
    .option('--cluster', 'look at the cluster of the kubeconfig, also on a node')
    .option('--kubeconfig <file>', 'look at its cluster (default: KUBECONFIG, ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--cacert <file>', "CA to verify the kubelets' certificates with (default: the kubeconfig's)")
    .option('--insecure-skip-tls-verify', "do not verify the kubelets' certificates")
    .option('--json', 'print JSON: an array of findings')
    .addHelpText('after', EXAMPLES)
    .action(async (options: DoctorOptions) => {
      rejectContradictions(options, command, io);
      const cluster = changes(options) ? undefined : await chooseCluster(options, io.environment);
      if (cluster !== undefined) finish(await examineRemotely(cluster, options, io));
      else finish(options.undo ? await undo(io) : await examine(options, io));
    });
};

/** Only a node is changed. */
const changes = ({ fix, undo: back }: DoctorOptions): boolean => (fix ?? back) === true;

function rejectContradictions(options: DoctorOptions, command: Command, io: Io): void {
  const { fix, yes, undo: back, json, cluster, kubeconfig, context } = options;
  if (changes(options) && (cluster ?? kubeconfig ?? context) !== undefined) {
    command.error('error: --fix and --undo are for the node that this runs on, not for a cluster');
  }
  if (back && (fix || yes || json)) command.error('error: --undo goes with no other option');
  if (yes && !fix) command.error('error: --yes goes with --fix only');
  if (fix && !yes && !io.canAsk) {
    command.error('error: --fix asks before it changes anything, and there is no terminal here: add --yes');
  }
}

async function examine({ fix, yes, json }: DoctorOptions, io: Io): Promise<ExitCode> {
  if (fix) await requireOwnRoot();
  let findings = await examineNode();
  if (fix && (await treat(findings, yes === true, io)) > 0) findings = await examineNode();
  return tell(findings, 'node', json === true, io);
}

async function examineRemotely(cluster: ClusterAccess, options: DoctorOptions, io: Io): Promise<ExitCode> {
  const progress = startProgress(io);
  const onProgress = (done: number, all: number): void =>
    progress.update(`${done} of ${all} kubelets have been asked`);
  const findings = await examineCluster(cluster, { ...options, onProgress }).finally(() => progress.end());
  return tell(findings, 'cluster', options.json === true, io);
}

async function tell(
  findings: readonly Finding[],
  where: 'node' | 'cluster',
  json: boolean,
  io: Io,
): Promise<ExitCode> {
  await io.out(json ? `${toJson(findings)}\n` : findingLines(findings, io) + summaryLine(findings, where));
  return findings.some(({ status }) => status === 'failure') ? ExitCode.failed : ExitCode.done;
}

/** Applies what it may; how many changes were made. */
async function treat(findings: readonly Finding[], isAllowed: boolean, io: Io): Promise<number> {
  const count = { removed: 0, replaced: 0 };
  for (const finding of findings) {
    const { fix = [], ...told } = finding;
    if (fix.length === 0) continue;
    io.err(findingLines([{ ...told, cure: fix.map(describeChange) }], io));
    if (!isAllowed && !(await confirm('Do this?', io))) continue;
    for (const change of fix)
      if (await applyChange(change)) count[change.kind === 'removal' ? 'removed' : 'replaced']++;
  }
  const { removed, replaced } = count;
  const told = [
    ...(removed > 0 ? [`${removed} removed`] : []),
    ...(replaced > 0 ? [`${replaced} changed; "exhibit doctor --undo" takes it back`] : []),
  ];
  io.err(`${told.join(', ') || 'nothing was changed'}\n\n`);
  return removed + replaced;
}

async function undo(io: Io): Promise<ExitCode> {
  await requireOwnRoot();
  const outcomes = await undoChanges();
  if (outcomes.length === 0) io.err('there is nothing to undo\n');
  await io.out(outcomes.map((outcome) => `${escapeText(undoLine(outcome))}\n`).join(''));
  return outcomes.some(({ outcome }) => outcome === 'changed since') ? ExitCode.damaged : ExitCode.done;
}
