import { closeSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { type ArchivedPages, withArchivedPages } from './support/archived-pages.ts';
import { copyContainer, pidsOf } from './support/live-copy.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

const PROCESSES = 16;
const THREADS = 200;
const CROWD = pods.crowd(PROCESSES, 64, THREADS);
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

const fileFor = (name: string): string => join(node().state.folder, `${name}.tar`);

/** The first page of the program's text of each process, by its number in the container. */
function programTexts(id: string): ReadonlyMap<string, Buffer> {
  return new Map(
    pidsOf(id)
      .filter(hasMemory)
      .map((pid) => {
        const number = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        const page = Buffer.alloc(4096);
        const memory = openSync(`/proc/${pid}/mem`, 'r');
        readSync(memory, page, 0, page.length, TEXT);
        closeSync(memory);
        return [`pagemap-${number}.img`, page];
      }),
  );
}

/** A process that has ended and was not waited for has none. */
const hasMemory = (pid: number): boolean => readFileSync(`/proc/${pid}/maps`, 'utf8') !== '';

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
    const file = fileFor(pod.metadata.name);
    await copyContainer(node(), id, file);
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
  /** For each thread, by how many steps the number in shared memory is ahead of the one in its process's. */
  async function leads(file: string): Promise<readonly number[]> {
    return withArchivedPages(file, async (all) => {
      const numbers = { shared: Array<number>(THREADS).fill(0), private: Array<number>(THREADS).fill(0) };
      const pages = (await Promise.all(all.map((one) => markedPages(file, one)))).flat();
      expect(pages).toHaveLength(1 + PROCESSES);
      for (const page of pages) {
        const list = page.toString('latin1', 0, 14) === 'EXHIBIT-SHARED' ? numbers.shared : numbers.private;
        for (let thread = 0; thread < THREADS; thread++)
          list[thread] = (list[thread] ?? 0) + Number(page.readBigUInt64LE(16 + 8 * thread));
      }
      expect(Math.max(...numbers.private)).toBeGreaterThan(0);
      return numbers.shared.map((number, thread) => number - (numbers.private[thread] ?? 0));
    });
  }

  test('are copied as they were in one moment', async () => {
    const id = await startPod(CROWD);
    const logged = async () =>
      (await node().kubectl(['logs', '-n', pods.SHOP, 'crowd'])).includes('ready') || undefined;
    await until('all processes to count', logged, { seconds: 60 });
    const file = fileFor('crowd');
    await copyContainer(node(), id, file);
    for (const lead of await leads(file)) expect([0, 1]).toContain(lead);

    await copyContainer(node(), id, file, false);
    expect(Math.max(...(await leads(file)))).toBeGreaterThan(1);
    rmSync(file);
  });
});

async function markedPages(file: string, { offsets }: ArchivedPages): Promise<readonly Buffer[]> {
  const descriptor = openSync(file, 'r');
  const head = Buffer.alloc(16);
  const found: Buffer[] = [];
  for (const offset of offsets.values()) {
    readSync(descriptor, head, 0, head.length, offset);
    if (!/^EXHIBIT-(SHARED|PRIVATE)\0/.test(head.toString('latin1'))) continue;
    const page = Buffer.alloc(4096);
    readSync(descriptor, page, 0, page.length, offset);
    found.push(page);
  }
  closeSync(descriptor);
  return found;
}
