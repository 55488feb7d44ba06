import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runProgram } from './support/run-program.ts';

const fixtures = path.resolve(import.meta.dirname, '../fixtures');
const tar = await readFile(path.join(fixtures, 'containerd-zoo/checkpoint.tar'));
const packed = await readFile(path.join(fixtures, 'podman-gzip/checkpoint.tar.gz'));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'exhibit-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Everything that inspect reads, of `bytes` as an archive; a stack trace or a defect of ours fails the test. */
async function inspectBytes(bytes: Uint8Array): Promise<{ readonly code: number; readonly stdout: string }> {
  const file = path.join(folder, 'damaged.tar');
  await writeFile(file, bytes);
  const { code, stdout, stderr } = await runProgram(['inspect', '--all', '--json', file]);
  expect(stderr).not.toMatch(/exhibit: unexpected|defect|\n {4}at /);
  expect([1, 3].includes(code) ? stderr : 'quiet').not.toBe('');
  expect(() => JSON.parse(stdout)).not.toThrow();
  return { code, stdout };
}

it('reads an archive that was cut short anywhere as far as it goes', async () => {
  let lastCount = 0;
  for (let tenth = 0; tenth < 40; tenth++) {
    const { code, stdout } = await inspectBytes(tar.subarray(0, Math.floor((tar.length * tenth) / 40)));
    expect([1, 3]).toContain(code);
    lastCount = JSON.parse(stdout).length;
  }
  expect(lastCount).toBe(1);
});

it('reads a gzip archive that was cut short anywhere as far as it goes', async () => {
  for (let part = 1; part < 20; part++) {
    const { code } = await inspectBytes(packed.subarray(0, Math.floor((packed.length * part) / 20)));
    expect([1, 3]).toContain(code);
  }
});

it('survives bytes that were changed, wherever they are', async () => {
  // A generator of its own, so that a failure can be repeated: the minimal standard generator of Park and Miller.
  let seed = 4711;
  const random = (below: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  for (let round = 0; round < 60; round++) {
    const bytes = Uint8Array.from(tar);
    for (let change = 0; change < 200; change++) bytes[random(bytes.length)] = random(256);
    const { code } = await inspectBytes(bytes);
    expect([0, 1, 3]).toContain(code);
  }
});

it('refuses what is no checkpoint with one line', async () => {
  for (const bytes of [
    new Uint8Array(0),
    new Uint8Array(10_240),
    Buffer.from('hello'),
    Buffer.alloc(4096, 0xff),
  ]) {
    const file = path.join(folder, 'other');
    await writeFile(file, bytes);
    const { code, stdout, stderr } = await runProgram(['inspect', file]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^exhibit: .+\n$/);
  }
});
