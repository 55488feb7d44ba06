import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseMappings } from '../proc/mappings.ts';
import type { ThreadRegisters } from './thread-registers.ts';
import { openTracer, type Tracer } from './tracer.ts';

let shell: ChildProcess;
let pid = 0;

/** A child of a shell, since what this process's own children do is heard by Node.js. */
beforeAll(async () => {
  const script = 'setInterval(() => console.log("tick"), 20)';
  const command = '"$0" -e "$1" & echo $!; cat > /dev/null; kill $!';
  shell = spawn('/bin/sh', ['-c', command, process.execPath, script]);
  const [first] = shell.stdout ? await once(shell.stdout, 'data') : [];
  pid = Number(/^\d+/.exec(String(first))?.[0]);
  await nextTick();
});

afterAll(async () => {
  shell.stdin?.end();
  await once(shell, 'close');
});

async function nextTick(): Promise<void> {
  if (shell.stdout) while (!/tick/.test(String((await once(shell.stdout, 'data'))[0])));
}

function openedTracer(): Tracer {
  const opened = openTracer();
  if (!('tracer' in opened)) throw new Error(opened.reason);
  return opened.tracer;
}

const threadsOf = (): readonly number[] => readdirSync(`/proc/${pid}/task`).map(Number);
const instructionPointer = ({ general }: ThreadRegisters): bigint =>
  new DataView(general.buffer).getBigUint64(process.arch === 'arm64' ? 256 : 128, true);

describe('the tracer', () => {
  it('reads the registers of all threads and lets them go on', async () => {
    const tracer = openedTracer();
    const tids = threadsOf();
    tracer.seize(tids);
    const { threads, gaps } = tracer.collect();
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2];
    tracer.detach();
    expect(gaps).toEqual([]);
    expect(state).toBe('t');
    expect(tids.length).toBeGreaterThan(4);
    expect([...threads.keys()]).toEqual(expect.arrayContaining([...tids]));
    const code = parseMappings(readFileSync(`/proc/${pid}/maps`, 'utf8')).filter(
      ({ executable }) => executable,
    );
    for (const registers of threads.values()) {
      const at = instructionPointer(registers);
      expect(code.some(({ start, end }) => start <= at && at < end)).toBe(true);
      expect(registers.state?.length).toBeGreaterThan(500);
      expect(registers.robustList?.length).toBe(24);
      expect(registers.signalMask).toBeDefined();
      expect(registers.stopSignal).toBeUndefined();
    }
    await nextTick();
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^TracerPid:\t0$/m);
  });

  it('tells of threads that another traces and of those that have ended', async () => {
    const first = openedTracer();
    const second = openedTracer();
    first.seize([pid]);
    second.seize([pid, 2 ** 22 + 1]);
    expect(second.collect().gaps).toEqual([
      `the registers of thread ${pid} are not known: another program traces it, or this one may not`,
      `the registers of thread ${2 ** 22 + 1} are not known: it has ended`,
    ]);
    second.detach();
    first.detach();
    await nextTick();
  });

  it('lets those go that had not stopped in time, once they have', async () => {
    const tracer = openedTracer();
    tracer.seize(threadsOf());
    tracer.detach();
    await nextTick();
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^TracerPid:\t0$/m);
  });

  it('tells of a process that a signal has stopped, and leaves it so', async () => {
    const state = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2];
    process.kill(pid, 'SIGSTOP');
    await vi.waitFor(() => expect(state()).toBe('T'));
    const tracer = openedTracer();
    tracer.seize(threadsOf());
    const { threads } = tracer.collect();
    tracer.detach();
    await vi.waitFor(() => expect(state()).toBe('T'));
    process.kill(pid, 'SIGCONT');
    expect([...threads.values()].map(({ stopSignal }) => stopSignal)).toEqual(threadsOf().map(() => 19));
    await nextTick();
  });

  it('says what is missing where there is no koffi', () => {
    const opened = openTracer(() => {
      throw new Error('Cannot find module');
    });
    expect(opened).toEqual({ reason: expect.stringMatching(/^koffi, .* is not installed here/) });
  });
});
