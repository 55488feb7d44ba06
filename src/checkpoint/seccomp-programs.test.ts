import { describe, expect, it } from 'vitest';
import { messagesOf, openForged } from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { SeccompFilter } from './seccomp-programs.ts';

const X86_64 = 0xc000003e;
const ALLOW = 'allow';

/** Runs a program as its text says, on a system call with arguments of zero, and tells what it returns in words. */
function run({ program }: SeccompFilter, systemCall: number, architecture = X86_64): string | undefined {
  let accumulator = 0;
  for (let at = 0, steps = 0; steps < program.length; steps++) {
    const { text = '', meaning } = program[at] ?? {};
    const [name, ...operands] = text.split(/[ ,#[\]]+/);
    const [first = 0, whenTrue = 0, whenFalse = 0] = operands.map(Number);
    const decide = (holds: boolean): number => (holds ? whenTrue : whenFalse);
    if (name === 'ret') return meaning;
    if (name === 'ld') accumulator = { 0: systemCall, 4: architecture }[first] ?? 0;
    if (name === 'and') accumulator = (accumulator & first) >>> 0;
    at =
      name === 'ja'
        ? first
        : name === 'jeq'
          ? decide(accumulator === first)
          : name === 'jgt'
            ? decide(accumulator > first)
            : name === 'jge'
              ? decide(accumulator >= first)
              : name === 'jset'
                ? decide((accumulator & first) !== 0)
                : at + 1;
  }
  return 'does not end';
}

const READ = 0;
const CONNECT = 42;
const KEXEC_LOAD = 246;
const FINIT_MODULE = 313;

describe('the seccomp filters of a recorded container', () => {
  it('do as text what the engine’s profile says', async () => {
    await withFixture('podman-web', async (checkpoint) => {
      const filters = await checkpoint.kernel.seccompFilters();
      expect(filters).toHaveLength(2);
      for (const filter of filters) {
        expect(filter.previous).toBeUndefined();
        expect(filter.program.filter(({ text }) => text.startsWith('.code'))).toEqual([]);
        expect(run(filter, READ)).toBe(ALLOW);
        expect(run(filter, CONNECT)).toBe(ALLOW);
        expect(run(filter, KEXEC_LOAD)).toBe('fail with errno 1');
        expect(run(filter, FINIT_MODULE)).toBe('fail with errno 1');
        expect(run(filter, 9999)).toBe('fail with errno 38');
        expect(run(filter, READ, 0xc00000b7)).toBe('kill the thread');
      }
      expect(filters[0]?.program[1]?.meaning).toBe('i386');
      expect(filters[0]?.location.entry).toBe('checkpoint/seccomp.img');
    });
  });

  it('are those that /proc counted, of the threads that had them', async () => {
    await withFixture('podman-web', async (checkpoint) => {
      const processes = await checkpoint.processes();
      const indices = processes.flatMap(({ threads }) => threads.map((thread) => thread.seccompFilter));
      expect(indices).toEqual([0, 1]);
    });
    await withFixture('containerd-web', async (checkpoint) => {
      expect(await checkpoint.kernel.seccompFilters()).toEqual([]);
      const [process] = await checkpoint.processes();
      expect(process?.threads[0]?.seccompFilter).toBeUndefined();
    });
  });
});

describe('forged filters', () => {
  const forge = (...filters: readonly object[]): Promise<Awaited<ReturnType<typeof openForged>>> =>
    openForged({
      images: { 'seccomp.img': forgeImage(imageKinds.seccomp, [{ message: { seccomp_filters: filters } }]) },
    });

  it('say on what they stand', async () => {
    const checkpoint = await forge(
      { filter: new Uint8Array(8), flags: 2 },
      { filter: new Uint8Array(8), prev: 0 },
    );
    expect(await checkpoint.kernel.seccompFilters()).toMatchObject([
      { index: 0, previous: undefined, flags: 2 },
      { index: 1, previous: 0, flags: 0 },
    ]);
    expect(messagesOf(checkpoint).join()).not.toContain('seccomp');
  });

  it.each([
    ['cut short in an instruction', 12, 1],
    ['longer than a program may be', 8 * 5000, 4096],
  ])('are read as far as they go where one is %s', async (_what, length, instructions) => {
    const checkpoint = await forge({ filter: new Uint8Array(length) });
    expect((await checkpoint.kernel.seccompFilters())[0]?.program).toHaveLength(instructions);
    expect(messagesOf(checkpoint)).toContain(
      'seccomp filter 0 is longer than a program may be, or cut short in an instruction',
    );
  });

  it('are bounded all together', async () => {
    const filter = { filter: new Uint8Array(8 * 4096) };
    const checkpoint = await forge(...Array(100).fill(filter));
    expect(await checkpoint.kernel.seccompFilters()).toHaveLength(64);
    expect(messagesOf(checkpoint).join()).toContain('or than 262144 instructions in them');
  });
});
