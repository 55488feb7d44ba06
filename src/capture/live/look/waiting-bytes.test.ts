import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { gatherContainer } from './gather.ts';
import { type KernelAnswers, prepareQuestions } from './kernel-questions.ts';

let folder: string;
let child: ChildProcess;
let fifo: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-waiting-'));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  fifo = openSync(join(folder, 'fifo'), 'r+');
  writeSync(fifo, 'in the fifo');
  // Node.js gives a child a unix stream as its standard input.
  child = spawn('sleep', ['60'], { stdio: ['pipe', 'ignore', 'ignore', fifo] });
  await new Promise<void>((resolve) => child.stdin?.write('for nobody', () => resolve()));
});

afterAll(() => {
  child.kill();
  rmSync(folder, { recursive: true });
});

const ask = (): KernelAnswers['waiting'] => prepareQuestions().ask(gatherContainer([child.pid ?? 0])).waiting;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

it('copies what waits in pipes and streams of another process, and takes nothing out', () => {
  for (const _ of [1, 2]) {
    const { pipes, queues, gaps, isKnown } = ask();
    expect({ gaps, isKnown }).toEqual({ gaps: [], isKnown: true });
    expect(pipes.map(({ isFifo, bytes }) => [isFifo, text(bytes)])).toEqual([[true, 'in the fifo']]);
    expect([...queues.values()].map(text)).toEqual(['for nobody']);
  }
  const bytes = Buffer.alloc(32);
  expect(bytes.toString('utf8', 0, readSync(fifo, bytes))).toBe('in the fifo');
  expect(ask().pipes[0]?.bytes).toHaveLength(0);
});
