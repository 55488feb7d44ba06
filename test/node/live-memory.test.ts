import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import { succeeded, until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { type ArchivedPages, withArchivedPages } from './support/archived-pages.ts';
import { pidsOf } from './support/container-pids.ts';
import { crowdLeads } from './support/crowd-leads.ts';
import { peakMemory } from './support/peak-memory.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

const PROCESSES = 16;
const THREADS = 200;
const CROWD = pods.crowd(PROCESSES, 64, THREADS);
/** What a capture may take of memory, in all its processes, whatever the container's size. */
const MAX_MEMORY = 150e6;
/** Where CRIU puts the instructions by which it makes a process do things: at the start of the program's text. */
const TEXT = 0x401000n;

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP));
});
beforeEach(() => node().setRuncOptions('file-locks'));

async function startPod(pod: ReturnType<typeof pods.pod>): Promise<string> {
  const { name } = pod.metadata;
  await node().apply(pod);
  await node().waitRunning(pods.SHOP, name);
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = await node().kubectl(['get', 'pod', '-n', pods.SHOP, name, '-o', path]);
  return id.replace('containerd://', '');
}

/** Captured without CRIU: the archive on the host, and what the command told. */
async function capture(pod: string, ...options: readonly string[]) {
  const args = ['capture', `${pods.SHOP}/${pod}`, '--via', 'node', '--no-inspect', '--json', ...options];
  const { child, finished } = node().startExhibit(args);
  const peak = peakMemory(child.pid ?? 0, finished);
  const report = JSON.parse(succeeded(args, await finished)) as CaptureReport;
  expect(report.container_afterwards.verdict).toBe('running');
  return { file: node().hostPath(report.archive.path), report, peak: await peak };
}

/** The first page of the program's text of each process, by its number in the container. */
function programTexts(id: string): ReadonlyMap<string, Buffer> {
  return new Map(
    pidsOf(id).map((pid) => {
      const number = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      const page = Buffer.alloc(4096);
      const memory = openSync(`/proc/${pid}/mem`, 'r');
      readSync(memory, page, 0, page.length, TEXT);
      closeSync(memory);
      return [`pagemap-${number}.img`, page];
    }),
  );
}

/** One line a difference: the pagemap, the page, and what is different about it. */
async function differences(mine: ArchivedPages, other: ArchivedPages): Promise<readonly string[]> {
  const found: string[] = [];
  for (const address of new Set([...mine.offsets.keys(), ...other.offsets.keys()])) {
    const where = `${mine.name} ${address.toString(16)}`;
    if (!mine.offsets.has(address)) found.push(`${where} only CRIU`);
    else if (!other.offsets.has(address)) found.push(`${where} only ours`);
    else if (!(await mine.read(address)).equals(await other.read(address))) found.push(`${where} contents`);
  }
  return found;
}

describe('memory as CRIU saves it', () => {
  test.each([
    ['threads and children', pods.family],
    ['memfds, shared memory, SysV segments, deleted programs', pods.zoo],
    ['64 MiB', pods.hoard(64)],
  ])('%s: the same pages, but for the one that CRIU itself changed', async (_, pod) => {
    const id = await startPod(pod);
    const { file } = await capture(pod.metadata.name);
    const texts = programTexts(id);
    const archive = await node().checkpoint(pods.SHOP, pod.metadata.name, pod.metadata.name);
    await withArchivedPages(file, (ours) =>
      withArchivedPages(node().hostPath(archive), async (theirs) => {
        const byName = new Map(theirs.map((pages) => [pages.name, pages]));
        expect(ours.map(({ name }) => name).sort()).toEqual([...byName.keys()].sort());
        for (const mine of ours) {
          const other = byName.get(mine.name) ?? mine;
          const found = await differences(mine, other);
          const text = texts.get(mine.name);
          if (text === undefined) {
            expect(found).toEqual([]);
            continue;
          }
          // What CRIU put there is gone again, but the page is the process's own from then on.
          expect(found.at(-1)).toBe(`${mine.name} ${TEXT.toString(16)} only CRIU`);
          expect((await other.read(TEXT)).equals(text)).toBe(true);
          if (!(await holds(mine, 'hashes='))) expect(found).toHaveLength(1);
        }
      }),
    );
    await node().remove(pods.SHOP, pod.metadata.name);
  });
});

/** The miner of the zoo never stands still: it counts in some of its pages. */
async function holds(pages: ArchivedPages, text: string): Promise<boolean> {
  for (const address of pages.offsets.keys()) if ((await pages.read(address)).includes(text)) return true;
  return false;
}

describe('16 processes with 64 MiB each and 200 threads that count together', () => {
  async function leads(file: string): Promise<readonly number[]> {
    const found = await crowdLeads(file, THREADS);
    expect(found.processes).toBe(PROCESSES);
    expect(found.steps).toBeGreaterThan(0);
    return found.leads;
  }

  test('are captured as they were in one moment, with little memory', async () => {
    await startPod(CROWD);
    const logged = async () =>
      (await node().kubectl(['logs', '-n', pods.SHOP, 'crowd'])).includes('ready') || undefined;
    await until('all processes to count', logged, { seconds: 60 });
    const { file, peak } = await capture('crowd');
    for (const lead of await leads(file)) expect([0, 1]).toContain(lead);
    expect(peak).toBeLessThanOrEqual(MAX_MEMORY);

    const { file: torn } = await capture('crowd', '--no-freeze');
    expect(Math.max(...(await leads(torn)))).toBeGreaterThan(1);
  });
});
