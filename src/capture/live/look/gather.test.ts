import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatherContainer } from './gather.ts';

let child: ChildProcess;

beforeAll(async () => {
  const script = "process.stdout.write('ready'); setTimeout(() => {}, 60_000)";
  const held = openSync(import.meta.filename, 'r');
  child = spawn(process.execPath, ['-e', script, 'an argument'], {
    stdio: ['ignore', 'pipe', 'ignore', held],
    env: { EXHIBIT_TEST: 'seen' },
  });
  if (child.stdout !== null) await once(child.stdout, 'data');
});

afterAll(() => child.kill());

describe('gatherContainer', () => {
  it('reads a process with its threads, descriptors and namespaces', () => {
    const { processes, networks, node, gaps } = gatherContainer([child.pid ?? 0]);
    const [found] = processes;
    expect(gaps).toEqual([]);
    expect(
      Buffer.from(found?.commandLine ?? [])
        .toString()
        .split('\0')
        .slice(-2),
    ).toEqual(['an argument', '']);
    expect(Buffer.from(found?.environment ?? []).toString()).toContain('EXHIBIT_TEST=seen\0');
    expect(found?.threads[0]?.tid).toBe(child.pid);
    expect(found?.threads.length).toBeGreaterThan(1);
    expect(found?.descriptors.find(({ fd }) => fd === 3)).toMatchObject({
      link: import.meta.filename,
      info: expect.stringMatching(/^pos:\t0$/m),
    });
    expect(found?.executable?.link).toBe(process.execPath);
    expect(found?.namespaces.net).toBe(networks[0]?.namespace);
    expect(node.pageSize).toBe(4096);
    expect(node.bootTime).toBe(Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]));
  });

  it('tells of a process that has ended', () => {
    const { processes, gaps } = gatherContainer([2 ** 22 + 1]);
    expect(processes).toEqual([]);
    expect(gaps).toEqual(['process 4194305 has ended before it was read']);
  });
});
