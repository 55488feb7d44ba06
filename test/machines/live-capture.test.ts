/** Captures without CRIU on emulated machines: Linux 6.1, control groups of version 2 only, both architectures. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import { type MachineResult, runMachine } from '../../testbed/machines/machine.ts';
import { output } from '../../testbed/process.ts';
import { printProgress } from '../../testbed/progress.ts';
import { crowdLeads } from '../node/support/crowd-leads.ts';
import { critDecodes } from './support/crit-decodes.ts';
import { debugCore } from './support/debugged-core.ts';

const EXHIBIT = path.join(import.meta.dirname, '../../dist/exhibit.cjs');
/** What guest/scenario.ts starts. */
const PROCESSES = 4;
const THREADS = 20;
/** What the design promises is a second or two; here each instruction of the guard is emulated. */
const THAWED_WITHIN = 5;

/** There is no runtime in the machine, and no overlay. */
const GAPS = [
  expect.stringContaining('the changes of the root filesystem are not in here'),
  expect.stringContaining("the runtime's config.json was not found"),
];

describe.each(['amd64', 'arm64'] as const)('on a machine of %s', (architecture) => {
  let machine: MachineResult | undefined;
  beforeAll(async () => {
    machine = await runMachine(architecture, printProgress());
  });
  afterAll(() => machine?.remove());

  function result(): MachineResult {
    if (machine === undefined) throw new Error('the machine is there in tests only');
    return machine;
  }

  function step(name: string) {
    const found = result().report.steps[name];
    if (found === undefined) throw new Error(`the machine did not do: ${name}`);
    return found;
  }

  const captured = (name: string): CaptureReport => JSON.parse(step(`capture ${name}`).stdout);

  function archive(name: string): string {
    const folder = path.join(result().folder, name);
    return path.join(folder, readdirSync(folder).find((each) => each.endsWith('.tar')) ?? '');
  }

  it('runs Linux 6.1 with control groups of version 2 and no others', () => {
    const { kernel, architecture: cpu, cgroupMounts } = result().report;
    expect(kernel).toMatch(/^Linux version 6\.1\./);
    expect(cpu).toBe(architecture === 'amd64' ? 'x64' : 'arm64');
    expect(cgroupMounts.trim().split('\n')).toEqual([expect.stringMatching(/^cgroup2 \/sys\/fs\/cgroup /)]);
  });

  it.each(['stacks', 'kinds', 'crowd'])('captures %s with nothing left out', (name) => {
    expect(step(`capture ${name}`).code).toBe(0);
    const { live, container_afterwards, notes } = captured(name);
    expect(live).toMatchObject({ consistency: 'frozen', unreadable_ranges: 0, gaps: GAPS });
    expect(container_afterwards.verdict).toBe('running');
    expect(notes).toEqual([]);
  });

  it.each(['stacks', 'kinds', 'crowd'])('shows the archive of %s as another machine does', async (name) => {
    const { code, stdout } = step(`inspect ${name}`);
    expect(code).toBe(0);
    const here = await output(['node', EXHIBIT, 'inspect', '--all', '--json', archive(name)]);
    const withoutPath = (text: string) => ({ ...JSON.parse(text)[0], archive: undefined });
    expect(withoutPath(stdout)).toEqual(withoutPath(here));
  });

  it.each(['stacks', 'kinds'])('writes images for %s that crit decodes as Exhibit does', async (name) => {
    const theirs = await critDecodes(archive(name));
    expect(theirs.size).toBeGreaterThan(10);
    for (const [image, decoded] of theirs) {
      const ours = JSON.parse(await output(['node', EXHIBIT, 'decode', archive(name), image]));
      expect(ours, image).toEqual(decoded);
    }
  });

  it('has the open files of each kind', () => {
    const [{ file_descriptors }] = JSON.parse(step('inspect kinds').stdout);
    const types = file_descriptors[0].open_files.map(({ type }: { type: string }) => type);
    const kinds = ['REG', 'EVENTFD', 'TIMERFD', 'SIGNALFD', 'EVENTPOLL', 'FIFO', 'INETSK'];
    expect(types).toEqual(expect.arrayContaining(kinds));
  });

  it('finds text in the memory of each process', () => {
    const { code, stdout } = step('search crowd');
    expect(code).toBe(0);
    const hits = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(new Set(hits.map(({ pid }) => pid)).size).toBe(PROCESSES);
  });

  it('reads processes of one moment, and says where it does not', async () => {
    const { processes, leads, steps } = await crowdLeads(archive('crowd'), THREADS);
    expect(processes).toBe(PROCESSES);
    expect(steps).toBeGreaterThan(0);
    for (const lead of leads) expect([0, 1]).toContain(lead);
    expect(captured('running').live).toMatchObject({ consistency: 'running', unreadable_ranges: 0 });
    const torn = await crowdLeads(archive('running'), THREADS);
    expect(Math.max(...torn.leads)).toBeGreaterThan(1);
  });

  it('has vector registers and the stack of each thread, as a debugger shows them', async () => {
    expect(step('core stacks')).toMatchObject({ code: 0, stderr: '' });
    const { folder } = result();
    const register = architecture === 'amd64' ? '$xmm6.v2_int64' : '$v31.d.u';
    const threads = await debugCore(path.join(folder, 'program'), path.join(folder, 'stacks/core'), register);
    expect([...threads].sort((a, b) => a.depth - b.depth)).toEqual([
      { depth: 0, value: '{0x5eed0000, 0x5eed0000}' },
      { depth: 2, value: '{0x5eed0001, 0x5eed0001}' },
      { depth: 3, value: '{0x5eed0002, 0x5eed0002}' },
      { depth: 4, value: '{0x5eed0003, 0x5eed0003}' },
    ]);
  });

  it('lets the container run whenever a capture of it is killed', () => {
    const { kills, running } = result().report;
    expect(kills.length).toBeGreaterThan(0);
    expect(kills.filter(({ wasFrozen }) => wasFrozen).length).toBeGreaterThan(1);
    for (const { secondsToThaw, left } of kills) {
      expect(secondsToThaw).toBeLessThan(THAWED_WITHIN);
      expect(left.filter((name) => !name.endsWith('.part'))).toEqual([]);
    }
    expect(running).toEqual(['stacks', 'kinds', 'crowd']);
  });
});
