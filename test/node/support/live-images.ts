import { readFileSync, writeFileSync } from 'node:fs';
import { DeletedFiles } from '../../../src/capture/live/files/deleted-files.ts';
import { buildFileImages } from '../../../src/capture/live/files/file-images.ts';
import type { LiveImage } from '../../../src/capture/live/live-image.ts';
import { gatherContainer } from '../../../src/capture/live/look/gather.ts';
import { prepareQuestions } from '../../../src/capture/live/look/kernel-questions.ts';
import { findZombies } from '../../../src/capture/live/members.ts';
import { parseMappings } from '../../../src/capture/live/proc/mappings.ts';
import { tracedThreads } from '../../../src/capture/live/registers/traced-threads.ts';
import { openTracer } from '../../../src/capture/live/registers/tracer.ts';
import { buildTaskImages } from '../../../src/capture/live/tasks/task-images.ts';
import type { TestNode } from '../../../testbed/node.ts';
import { until } from '../../../testbed/process.ts';
import { SHOP } from '../../../testbed/workloads/pods.ts';
import { pidsOf } from './container-pids.ts';

/** Of the only container of a pod. */
export async function containerId(node: TestNode, pod: string): Promise<string> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  return (await node.kubectl(['get', 'pod', '-n', SHOP, pod, '-o', path])).replace('containerd://', '');
}

/**
 * The images of tasks and files of a container, in the order of a capture: gathered while it stands, registers as soon as each
 * thread has stopped. Throws when something was not read.
 */
export async function captureImages(node: TestNode, id: string): Promise<readonly LiveImage[]> {
  const opened = openTracer();
  if (!('tracer' in opened)) throw new Error(opened.reason);
  const { tracer } = opened;
  const questions = prepareQuestions();
  const freezer = node.hostPath(`/sys/fs/cgroup/freezer/k8s.io/${id}/freezer.state`);
  try {
    writeFileSync(freezer, 'FROZEN', { flag: 'r+' });
    const isFrozen = async () => readFileSync(freezer, 'utf8').trim() === 'FROZEN' || undefined;
    await until('the container to be frozen', isFrozen, { interval: 5 });
    const members = pidsOf(id);
    const container = gatherContainer(firstFirst([...members, ...findZombies(members)]));
    const answers = questions.ask(container);
    const deleted = DeletedFiles.hold(container);
    tracer.seize(tracedThreads(container));
    writeFileSync(freezer, 'THAWED', { flag: 'r+' });
    const registers = tracer.collect();
    tracer.detach();
    const mappings = new Map(
      container.processes.map(({ pid, files }) => [pid, parseMappings(files.smaps ?? '')]),
    );
    const files = buildFileImages(container, mappings, deleted, answers);
    deleted.close();
    const facts = { mappings, table: files.table, registers: registers.threads, answers };
    const tasks = buildTaskImages(container, facts);
    const gaps = [...registers.gaps, ...tasks.gaps];
    if (gaps.length > 0) throw new Error(gaps.join('; '));
    return [...tasks.images, ...files.images];
  } finally {
    writeFileSync(freezer, 'THAWED', { flag: 'r+' });
    tracer.detach();
  }
}

/** The container's own process 1 begins the list of a gathered container. */
function firstFirst(pids: readonly number[]): readonly number[] {
  const isFirst = (pid: number) => /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return [...pids].sort((a, b) => Number(isFirst(b)) - Number(isFirst(a)) || a - b);
}
