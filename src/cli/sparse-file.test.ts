import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFile } from './sparse-file.ts';

const SOURCE = path.join(import.meta.dirname, 'sparse-file.ts');

let folder: string;
let file: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-sparse-'));
  file = path.join(folder, 'core');
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A program of its own that writes, says so, and stays. */
async function startWriting(ending: string): Promise<ChildProcess> {
  const script = `
    import { sparseFile } from ${JSON.stringify(SOURCE)};
    const file = sparseFile(${JSON.stringify(file)}, { force: false, choice: '' });
    await file.write(Buffer.from('half of it'), 0);
    ${ending}
    console.log('ready');
    setInterval(() => undefined, 1_000);`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child;
}

describe('a file that is being written', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('is removed when %s ends the program', async (signal) => {
    const writer = await startWriting('');
    expect(readFileSync(file, 'utf8')).toBe('half of it');
    writer.kill(signal);
    expect(await once(writer, 'exit')).toEqual([null, signal]);
    expect(existsSync(file)).toBe(false);
  });

  it('stays once it is whole', async () => {
    const writer = await startWriting('await file.finish(10);');
    writer.kill('SIGINT');
    expect(await once(writer, 'exit')).toEqual([null, 'SIGINT']);
    expect(readFileSync(file, 'utf8')).toBe('half of it');
  });
});

describe('--force', () => {
  it('replaces no pipe and no device', async () => {
    execFileSync('mkfifo', [file]);
    await expect(createFile(file, { force: true, choice: 'name another' })).rejects.toMatchObject({
      code: 'FILE_EXISTS',
      message: `${file} is no file and is not replaced; name another`,
    });
    expect(lstatSync(file).isFIFO()).toBe(true);
  });
});
