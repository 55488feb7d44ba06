import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureReport } from '../src/capture/capture.ts';
import { peakMemory } from '../test/node/support/peak-memory.ts';
import { startNode, type TestNode } from '../testbed/node.ts';
import { succeeded, until } from '../testbed/process.ts';
import * as pods from '../testbed/workloads/pods.ts';

const RUNS = 3;
/** Each look costs some 0.1 ms of the processor. */
const POLL_MILLISECONDS = 5;

/** One capture of a container, as it looks from outside. Seconds; bytes. */
interface Observed {
  /** How long its first process did not run. */
  readonly standstill: number;
  /** Until all bytes were written: of ours, until the archive had its name. */
  readonly complete: number;
  /** Until the command ended, with the archive's SHA-256; the kubelet tells none. */
  readonly hashed: number;
  readonly peakMemory: number;
}

/**
 * `npm run bench -- capture [MIB]`: a container of that size captured without CRIU and through the kubelet, on a node of the
 * testbed. How long it stands still is seen from outside in the same way for both: control group frozen or process traced.
 */
export async function benchCapture(mebibytes: number): Promise<void> {
  const node = await startNode();
  try {
    await node.apply(pods.namespace(pods.SHOP), pods.hoard(mebibytes));
    await node.waitRunning(pods.SHOP, 'hoard');
    const logs = () => node.kubectl(['logs', '-n', pods.SHOP, 'hoard']);
    await until('memory to be filled', async () => (await logs()).includes(' MiB at ') || undefined, {
      seconds: 120,
    });
    const pid = await firstProcess(node);
    await printRows(node, pid, mebibytes);
  } finally {
    await node.stop();
  }
}

async function printRows(node: TestNode, pid: number, mebibytes: number): Promise<void> {
  const ours: Observed[] = [];
  const criu: Observed[] = [];
  const cat: number[] = [];
  const hashedCat: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const [live, archive] = await observe(node, pid, captureLive);
    ours.push(live);
    cat.push(await timeOfCat(archive, 'cat "$0" >"$1"'));
    hashedCat.push(await timeOfCat(archive, 'cat "$0" >"$1" && sha256sum "$1" >/dev/null'));
    rmSync(archive);
    const [other, theirs] = await observe(node, pid, captureCriu);
    criu.push(other);
    rmSync(theirs);
  }
  console.log('\n| MiB | a container captured | ours | peer | its time | peer ÷ ours |');
  console.log('|--:|---|--:|---|--:|--:|');
  const row = (what: string, mine: number, peer: string, its: number): void =>
    console.log(
      `| ${mebibytes} | ${what} | ${seconds(mine)} | ${peer} | ${seconds(its)} | ${(its / mine).toFixed(1)} |`,
    );
  const best = (all: readonly Observed[], field: keyof Observed) => Math.min(...all.map((one) => one[field]));
  row('stands still', best(ours, 'standstill'), 'CRIU, kubelet', best(criu, 'standstill'));
  row('archive complete', best(ours, 'complete'), 'CRIU, kubelet', best(criu, 'complete'));
  row('archive complete', best(ours, 'complete'), 'cat', Math.min(...cat));
  row('with its SHA-256', best(ours, 'hashed'), 'cat, then sha256sum', Math.min(...hashedCat));
  const peak = Math.max(...ours.map(({ peakMemory }) => peakMemory));
  console.log(`\nPeak memory of ours: ${Math.round(peak / 2 ** 20)} MiB; fastest of ${RUNS}`);
}

const seconds = (value: number): string => `${value.toFixed(2)} s`;

/** The process id of the container's first process, as the host counts. */
async function firstProcess(node: TestNode): Promise<number> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = (await node.kubectl(['get', 'pod', '-n', pods.SHOP, 'hoard', '-o', path])).replace(
    'containerd://',
    '',
  );
  const [pid] = readFileSync(node.hostPath(`/sys/fs/cgroup/freezer/k8s.io/${id}/cgroup.procs`), 'utf8').split(
    '\n',
  );
  return Number(pid);
}

interface Capture {
  /** Its processes are what memory is counted of; undefined where others do the work. */
  readonly pid: number | undefined;
  /** The archive on the host. */
  readonly archive: Promise<string>;
}

function captureLive(node: TestNode): Capture {
  const args = ['capture', 'shop/hoard', '--via', 'node', '--no-inspect', '--json'];
  const { child, finished } = node.startExhibit(args);
  const archive = finished.then((result) => {
    const report = JSON.parse(succeeded(['exhibit', ...args], result)) as CaptureReport;
    return node.hostPath(report.archive.path);
  });
  return { pid: child.pid, archive };
}

function captureCriu(node: TestNode): Capture {
  const archive = node.checkpoint(pods.SHOP, 'hoard', 'hoard').then((path) => node.hostPath(path));
  return { pid: undefined, archive };
}

async function observe(
  node: TestNode,
  pid: number,
  capture: (node: TestNode) => Capture,
): Promise<[Observed, archive: string]> {
  const began = performance.now();
  const { pid: own, archive } = capture(node);
  let isDone = false;
  const done = archive.finally(() => {
    isDone = true;
  });
  const peak = own === undefined ? 0 : peakMemory(own, done);
  let standstill = 0;
  let complete: number | undefined;
  const before = archivesOf(node);
  for (let last = performance.now(); !isDone; ) {
    await sleep(POLL_MILLISECONDS);
    const now = performance.now();
    if (standsStill(node, pid)) standstill += now - last;
    if (own !== undefined && archivesOf(node) > before) complete ??= (now - began) / 1000;
    last = now;
  }
  const file = await done;
  const hashed = (performance.now() - began) / 1000;
  const seen = { standstill: standstill / 1000, complete: complete ?? hashed, hashed };
  return [{ ...seen, peakMemory: await peak }, file];
}

/** How many archives have their names. */
function archivesOf(node: TestNode): number {
  const folder = node.hostPath('/var/lib/kubelet/checkpoints');
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.tar')).length : 0;
}

function standsStill(node: TestNode, pid: number): boolean {
  const group = /^\d+:freezer:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';
  const id = group.split('/').at(-1);
  const state = readFileSync(node.hostPath(`/sys/fs/cgroup/freezer/k8s.io/${id}/freezer.state`), 'utf8');
  if (!state.startsWith('THAWED')) return true;
  const process = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '');
  return process.startsWith('t') || process.startsWith('T');
}

/** A copy of the same amount to the same disk, by a shell's `script` on both names. */
async function timeOfCat(archive: string, script: string): Promise<number> {
  const copy = `${archive}.copy`;
  try {
    const began = performance.now();
    const child = spawn('sh', ['-c', script, archive, copy], { stdio: 'inherit' });
    await once(child, 'exit');
    return (performance.now() - began) / 1000;
  } finally {
    rmSync(copy, { force: true });
  }
}
