import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { paddingAfter, TAR_END, tarHeader } from '../../../src/archive/tar-writer.ts';
import { gatherContainer } from '../../../src/capture/live/look/gather.ts';
import { copyMemory } from '../../../src/capture/live/memory/memory-copy.ts';
import { type MemoryPlan, planMemory } from '../../../src/capture/live/memory/memory-plan.ts';
import { pagemapImages } from '../../../src/capture/live/memory/pagemap-images.ts';
import type { PlannedProcess } from '../../../src/capture/live/memory/shared-objects.ts';
import { findZeroPages } from '../../../src/capture/live/memory/zero-pages.ts';
import { parseMappings } from '../../../src/capture/live/proc/mappings.ts';
import type { TestNode } from '../../../testbed/node.ts';
import { until } from '../../../testbed/process.ts';

const PAGE = 4096;

/** The processes of a container of the test's own node, as the host counts. */
export function pidsOf(id: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id);
    } catch {
      return false;
    }
  });
}

export interface LiveCopy {
  readonly plan: MemoryPlan;
  /** Milliseconds. */
  readonly frozen: number;
}

/** Copies a container's memory alone to `file`, a tar; standing still, or running with `freeze: false`. */
export async function copyContainer(
  node: TestNode,
  id: string,
  file: string,
  freeze = true,
): Promise<LiveCopy> {
  const zeroPages = findZeroPages(PAGE);
  const descriptor = openSync(file, 'w');
  const freezer = node.hostPath(`/sys/fs/cgroup/freezer/k8s.io/${id}/freezer.state`);
  const began = performance.now();
  try {
    if (freeze) await setState(freezer, 'FROZEN');
    const plan = planMemory(processesOf(id), { allPages: false, pageSize: PAGE, zeroPages });
    const end = await writePages(plan, descriptor, file);
    if (freeze) await setState(freezer, 'THAWED');
    const frozen = performance.now() - began;
    writeImages(plan, descriptor, end);
    return { plan, frozen };
  } finally {
    if (freeze) await setState(freezer, 'THAWED');
    closeSync(descriptor);
  }
}

/** Waits until the kernel says so. */
async function setState(file: string, state: 'FROZEN' | 'THAWED'): Promise<void> {
  writeFileSync(file, state, { flag: 'r+' });
  const isThere = async () => readFileSync(file, 'utf8').trim() === state || undefined;
  await until(`${file} to be ${state}`, isThere, { interval: 5 });
}

function processesOf(id: string): readonly PlannedProcess[] {
  return gatherContainer(pidsOf(id)).processes.map(({ pid, files, descriptors }) => ({
    pid,
    containerPid: Number(/^NSpid:.*\t(\d+)$/m.exec(files.status ?? '')?.[1]),
    mappings: parseMappings(files.smaps ?? ''),
    descriptors,
    mountinfo: files.mountinfo ?? '',
  }));
}

/** Returns where the tar goes on. */
async function writePages(plan: MemoryPlan, descriptor: number, name: string): Promise<number> {
  const offsets = new Map<number, number>();
  let end = 0;
  for (const { pagesId, bytes } of plan.images) {
    const header = headerOf(`pages-${pagesId}.img`, bytes);
    end += writeSync(descriptor, header, 0, header.length, end);
    offsets.set(pagesId, end);
    end += bytes;
  }
  const offsetOf = ({ pagesId }: { readonly pagesId: number }): number => offsets.get(pagesId) ?? 0;
  const { unreadable } = await copyMemory(plan, { descriptor, name, offsetOf });
  if (unreadable.length > 0) throw new Error(`unreadable: ${JSON.stringify(unreadable, bigintText)}`);
  return end;
}

const bigintText = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;

function writeImages(plan: MemoryPlan, descriptor: number, from: number): void {
  const parts = pagemapImages(plan).flatMap(({ name, bytes }) => [
    headerOf(name, bytes.length),
    bytes,
    Buffer.alloc(paddingAfter(bytes.length)),
  ]);
  const rest = Buffer.concat([...parts, TAR_END]);
  writeSync(descriptor, rest, 0, rest.length, from);
}

function headerOf(name: string, size: number): Uint8Array {
  return tarHeader({ type: 'file', path: `checkpoint/${name}`, size, mode: 0o600, modified: 0n });
}
