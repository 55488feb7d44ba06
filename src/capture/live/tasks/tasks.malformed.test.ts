/** Files of /proc that no kernel wrote: whatever they hold becomes images that read, or is left out. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openForged } from '../../../../test/support/checkpoint-forge.ts';
import type { GatheredContainer, GatheredProcess } from '../look/gathered.ts';
import { fakeProcess } from '../testing/fake-process.ts';
import { buildTaskImages } from './task-images.ts';

const TABLE = {
  fdinfoId: () => 1,
  executable: () => undefined,
  workingDirectory: () => undefined,
  root: () => undefined,
  mapped: () => undefined,
};

function container(processes: readonly GatheredProcess[], machine: string): GatheredContainer {
  const node = {
    hostname: '',
    kernel: '',
    machine,
    bootTime: 0,
    bootId: '',
    ticksPerSecond: 100,
    pageSize: 4096,
    locks: '',
  };
  return { node, processes, networks: [], gaps: [] };
}

const text = fc.string({ unit: 'binary', maxLength: 200 });
/** Lines that look as if they were the kernel's. */
const numbers = fc
  .array(
    fc.oneof(
      fc.constantFrom('(x)', 'Z', 'S', '-1', 'NSpid:', 'Uid:', '0x7f'),
      fc.bigInt({ min: 0n, max: 1n << 70n }).map(String),
    ),
  )
  .map((words) => words.join(' '));
const file = fc.oneof(text, numbers);
const bytes = fc.uint8Array({ maxLength: 3000 });

describe('buildTaskImages', () => {
  it('makes images that read of any files and registers', async () => {
    const files = fc.record(
      {
        stat: file,
        status: file,
        limits: file,
        timers: file,
        cgroup: file,
        uid_map: file,
        'attr/current': file,
      },
      { requiredKeys: [] },
    );
    const threadFiles = fc.record(
      { stat: file, status: file, comm: text, syscall: file },
      { requiredKeys: [] },
    );
    const cases = fc.tuple(
      files,
      threadFiles,
      bytes,
      bytes,
      bytes,
      fc.constantFrom('x86_64', 'aarch64', 'riscv64'),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([own, ofThread, auxv, general, state, machine]) => {
        const process = fakeProcess({ pid: 9, files: own, auxv, threads: [{ tid: 9, files: ofThread }] });
        const known = {
          ...{ general, state, threadPointer: undefined, signalMask: undefined, robustList: undefined },
          ...{
            stopSignal: undefined,
            restartable: undefined,
            pending: { ofThread: [], ofProcess: [] },
            seccompFilters: [],
          },
        };
        for (const registers of [new Map(), new Map([[9, known]])]) {
          const facts = { mappings: new Map(), table: TABLE, registers };
          const { images } = buildTaskImages(container([process], machine), facts);
          const checkpoint = await openForged({
            images: Object.fromEntries(images.map((each) => [each.name, each.bytes])),
          });
          const [read] = await checkpoint.processes();
          expect(read?.threads).toHaveLength(1);
          for (const thread of read?.threads ?? []) await thread.registers();
        }
      }),
      { numRuns: 100 },
    );
  });
});
