import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { openTracer } from '../../src/capture/live/registers/tracer.ts';
import { waitLog } from '../../testbed/node.ts';
import { until } from '../../testbed/process.ts';
import { namespace, pod, SHOP } from '../../testbed/workloads/pods.ts';
import { pidsOf } from './support/container-pids.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

const WAITS = pod(SHOP, 'waits', [{ name: 'waits', command: ['waits'] }]);
/** Main thread and five others. */
const THREADS = 6;

beforeAll(async () => {
  await node().apply(namespace(SHOP));
});

/** As a capture does it: seized while it stands, thawed, and read as soon as each thread has stopped. */
async function readStanding(id: string) {
  const opened = openTracer();
  if (!('tracer' in opened)) throw new Error(opened.reason);
  const { tracer } = opened;
  const freezer = node().hostPath(`/sys/fs/cgroup/freezer/k8s.io/${id}/freezer.state`);
  try {
    writeFileSync(freezer, 'FROZEN', { flag: 'r+' });
    const isFrozen = async () => readFileSync(freezer, 'utf8').trim() === 'FROZEN' || undefined;
    await until('the container to be frozen', isFrozen, { interval: 5 });
    const [pid = 0] = pidsOf(id);
    const stood = pointersOf(pid);
    tracer.seize([...stood.keys()]);
    writeFileSync(freezer, 'THAWED', { flag: 'r+' });
    return { stood, ...tracer.collect() };
  } finally {
    writeFileSync(freezer, 'THAWED', { flag: 'r+' });
    tracer.detach();
  }
}

/** Stack and instruction pointer of each thread, as the kernel shows them of one that waits. */
function pointersOf(pid: number): ReadonlyMap<number, readonly (string | undefined)[]> {
  const tids = readdirSync(`/proc/${pid}/task`);
  return new Map(
    tids.map((tid) => [
      Number(tid),
      readFileSync(`/proc/${pid}/task/${tid}/syscall`, 'utf8').trim().split(' ').slice(-2),
    ]),
  );
}

test('threads have the registers that they stood with, and no call of theirs ends early', async () => {
  await node().apply(WAITS);
  await node().waitRunning(SHOP, 'waits');
  await waitLog(node(), SHOP, 'waits', 'waits', 'ready');
  const status = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = (await node().kubectl(['get', 'pod', '-n', SHOP, 'waits', '-o', status])).replace(/^.*\/\//, '');
  const { stood, threads, gaps } = await readStanding(id);

  expect(gaps).toEqual([]);
  expect(threads.size).toBe(THREADS);
  for (const [tid, { general }] of threads) {
    const view = new DataView(general.buffer);
    const pointers = [view.getBigUint64(152, true), view.getBigUint64(128, true)];
    expect(pointers.map((each) => `0x${each.toString(16)}`)).toEqual(stood.get(tid));
  }
  await waitLog(node(), SHOP, 'waits', 'waits', 'done');
  const log = await node().kubectl(['logs', '-n', SHOP, 'waits']);
  expect(log.trim().split('\n').sort()).toEqual([
    'done',
    'epoll_wait: returned',
    expect.stringMatching(/^futex: .*timed out$/),
    'nanosleep: returned',
    'read: returned',
    'ready',
    'sigtimedwait: Resource temporarily unavailable',
  ]);
});
