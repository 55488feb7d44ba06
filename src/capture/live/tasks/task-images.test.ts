/** A real tree of processes, from /proc and ptrace to what a reader of the images says of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messagesOf, openForged } from '../../../../test/support/checkpoint-forge.ts';
import type { Checkpoint, Process } from '../../../checkpoint/checkpoint.ts';
import { DeletedFiles } from '../files/deleted-files.ts';
import { buildFileImages } from '../files/file-images.ts';
import { gatherContainer } from '../look/gather.ts';
import type { GatheredContainer } from '../look/gathered.ts';
import { parseMappings } from '../proc/mappings.ts';
import type { ThreadRegisters } from '../registers/thread-registers.ts';
import { tracedThreads } from '../registers/traced-threads.ts';
import { openTracer } from '../registers/tracer.ts';
import { buildTaskImages, type TaskImages } from './task-images.ts';

/** The shell becomes cat, which waits for none of its children: one that has ended stays as a zombie. */
const COMMAND = '(exit 7) & "$0" -e "$1" first & exec cat';
const SCRIPT = 'process.title = "told otherwise"; console.log("ready"); setInterval(() => {}, 1000)';

let cat: ChildProcess;
let container: GatheredContainer;
let registers: ReadonlyMap<number, ThreadRegisters>;
let checkpoint: Checkpoint;
let built: TaskImages;
let processes: readonly Process[];

beforeAll(async () => {
  cat = spawn('/bin/sh', ['-c', COMMAND, process.execPath, SCRIPT], { env: { EXHIBIT_TEST: 'seen' } });
  if (cat.stdout !== null) await once(cat.stdout, 'data');
  const pid = cat.pid ?? 0;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  container = gatherContainer([pid, ...children]);
  registers = readRegisters(container);
  built = build(container, registers);
  checkpoint = await open(built);
  processes = await checkpoint.processes();
});

afterAll(async () => {
  for (const { pid } of container.processes) if (pid !== cat.pid) process.kill(pid);
  cat.stdin?.end();
  await once(cat, 'close');
});

function readRegisters(gathered: GatheredContainer): ReadonlyMap<number, ThreadRegisters> {
  const opened = openTracer();
  if (!('tracer' in opened)) throw new Error(opened.reason);
  opened.tracer.seize(tracedThreads(gathered));
  const { threads, gaps } = opened.tracer.collect();
  opened.tracer.detach();
  expect(gaps).toEqual([]);
  return threads;
}

const mappingsOf = ({ processes: all }: GatheredContainer) =>
  new Map(all.map(({ pid, files }) => [pid, parseMappings(files.smaps ?? '')]));

function build(from: GatheredContainer, known: ReadonlyMap<number, ThreadRegisters>): TaskImages {
  const deleted = DeletedFiles.hold(from);
  const files = buildFileImages(from, mappingsOf(from), deleted);
  deleted.close();
  const { images, gaps } = buildTaskImages(from, {
    mappings: mappingsOf(from),
    table: files.table,
    registers: known,
  });
  return { images: [...images, ...files.images], gaps };
}

const open = ({ images }: TaskImages): Promise<Checkpoint> =>
  openForged({ images: Object.fromEntries(images.map(({ name, bytes }) => [name, bytes])) });

const alive = (): Process => {
  const found = processes.find(({ threads }) => threads.length > 1);
  if (found === undefined) throw new Error('no process with threads');
  return found;
};

describe('the images of tasks', () => {
  it('show the tree as it is, the zombie with its exit code', () => {
    const [first] = processes;
    const zombie = processes.find(({ state }) => state === 'dead');
    expect(processes).toHaveLength(3);
    expect(first).toMatchObject({ comm: 'cat', parentPid: 0, state: 'alive' });
    expect(zombie).toMatchObject({ comm: 'sh', parentPid: first?.pid, exitCode: 7 << 8 });
    expect(alive()).toMatchObject({ parentPid: first?.pid, processGroup: first?.processGroup });
    expect(messagesOf(checkpoint)).toEqual([]);
    expect(built.gaps).toEqual([]);
  });

  it('show who the processes are', () => {
    const status = readFileSync(`/proc/${cat.pid}/status`, 'utf8');
    const effective = BigInt(`0x${/^CapEff:\t(\w+)$/m.exec(status)?.[1]}`);
    const { credentials, namespaces } = processes[0] ?? {};
    expect(credentials).toMatchObject({ uid: process.getuid?.(), gid: process.getgid?.() });
    expect(credentials?.capabilities.effective).toBe(effective);
    expect(namespaces?.net).toBe(Number(container.processes[0]?.namespaces.net));
  });

  it('show each thread with its registers', async () => {
    const { threads } = alive();
    expect(threads.length).toBeGreaterThan(4);
    for (const { tid, instructionPointer, stackPointer, registers: read } of threads) {
      const gathered = [...registers].find(([task]) => task === tid || isNumberOf(task, tid))?.[1];
      const found = await read();
      expect(gathered).toBeDefined();
      expect(instructionPointer).toBeGreaterThan(0n);
      expect(stackPointer).toBeGreaterThan(0n);
      expect(found?.vector.length).toBeGreaterThan(30);
    }
  });

  it('show the memory with its files', async () => {
    const regions = (await alive().addressSpace())?.regions ?? [];
    const lines = readFileSync(`/proc/${processId()}/maps`, 'utf8').trim().split('\n');
    const shown = regions.map(({ start, end, permissions }) =>
      [start.toString(16).padStart(8, '0'), '-', end.toString(16).padStart(8, '0'), ' ', permissions].join(
        '',
      ),
    );
    expect(shown).toEqual(lines.map((line) => line.split(' ').slice(0, 2).join(' ')));
    const names = new Set(regions.map(({ name }) => name));
    expect([...names]).toEqual(
      expect.arrayContaining(['', '[heap]', '[stack]', '[vdso]', '[vvar]', process.execPath]),
    );
    expect(alive().executable?.path).toBe(process.execPath);
  });

  it('say what is known of threads without a tracer', async () => {
    const without = build(container, new Map());
    const [first] = await (await open(without)).processes();
    expect(without.gaps[0]).toBe(
      `process ${cat.pid}: of its threads only the instruction pointer, the stack pointer and the system call are known`,
    );
    const call = /(0x\w+) (0x\w+)\n$/.exec(container.processes[0]?.threads[0]?.files.syscall ?? '');
    expect([first?.threads[0]?.stackPointer, first?.threads[0]?.instructionPointer]).toEqual(
      call?.slice(1).map(BigInt),
    );
  });
});

const processId = (): number | undefined =>
  container.processes.find(({ threads }) => threads.length > 1)?.pid;

/** The container's number of a thread, in a test that may itself run in a PID namespace. */
const isNumberOf = (task: number, tid: number): boolean =>
  container.processes.some(({ threads }) =>
    threads.some(
      (thread) =>
        thread.tid === task && new RegExp(`^NSpid:.*\\b${tid}$`, 'm').test(thread.files.status ?? ''),
    ),
  );
