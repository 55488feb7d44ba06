import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { FolderQuestion, NodeShell } from './node-folder.ts';
import { FOLDER_SCRIPTS, findFile, listFiles } from './node-folder.ts';
import { transfer } from './transfer.ts';

const MIB = 1024 * 1024;
const NAME = 'checkpoint-web_shop-app-2026-11-24T10:45:18Z.tar';
const LOCAL = NAME.replaceAll(':', '-');

let scratch: string;
let there: string;
let here: string;
beforeEach(() => {
  scratch = mkdtempSync(path.join(tmpdir(), 'exhibit-transfer-'));
  there = path.join(scratch, 'node');
  here = path.join(scratch, 'here');
  mkdirSync(there);
  mkdirSync(here);
});
afterEach(() => rmSync(scratch, { recursive: true }));

interface LocalShell extends NodeShell {
  readonly told: string[];
  /** Bytes of all output. */
  readonly sent: () => number;
}

type Interference = (bytes: Uint8Array, total: number) => Uint8Array;

/** Runs the scripts with this machine's own shell in a folder that stands for the node's. */
function shell(interfere: Interference = (bytes) => bytes): LocalShell {
  const told: string[] = [];
  let sent = 0;
  const run = async ({ command, args, onOutput }: FolderQuestion) => {
    const local = args.map((argument) => argument.replace(/^\/checkpoints/, there));
    const child = spawn('sh', ['-c', FOLDER_SCRIPTS[command], 'sh', ...local], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(child, 'close');
    let total = 0;
    for await (const chunk of child.stdout as AsyncIterable<Uint8Array>) {
      const bytes = interfere(chunk, total);
      total += chunk.length;
      sent += chunk.length;
      await onOutput(bytes);
    }
    const [exitCode] = await ended;
    return { exitCode: Number(exitCode), errors: '' };
  };
  const { signal } = new AbortController();
  const tell = (text: string) => told.push(text);
  return { node: 'n1', folder: there, signal, tell, run, told, sent: () => sent };
}

function archive(size: number): Buffer {
  const content = randomBytes(size);
  writeFileSync(path.join(there, NAME), content);
  return content;
}

async function bring(reader: NodeShell, force = false) {
  const file = await findFile(reader, NAME);
  if (file === undefined) throw new Error('there is no archive');
  return transfer(reader, file, { folder: here, force, onProgress: () => undefined });
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

test.each([0, 1, MIB, 3 * MIB + 7])('brings %i bytes here', async (size) => {
  const content = archive(size);
  const result = await bring(shell());
  expect(result).toMatchObject({ size, sha256: sha256(content), status: 'collected', resumed_from: 0 });
  expect(readFileSync(path.join(here, LOCAL)).equals(content)).toBe(true);
  expect(readdirSync(here)).toEqual([LOCAL]);
});

test('an end that is lost while success is told is fetched after all', async () => {
  const content = archive(3 * MIB);
  let isFirst = true;
  const reader = shell((bytes, total) => {
    if (!isFirst || total < 2 * MIB) return bytes;
    return new Uint8Array(0);
  });
  const run = reader.run;
  const losing = {
    ...reader,
    run: async (question: FolderQuestion) => {
      const end = await run(question);
      isFirst = isFirst && question.command !== 'read';
      return end;
    },
  };
  expect((await bring(losing)).sha256).toBe(sha256(content));
  expect(reader.told.join()).toMatch(/the stream of .* ended after \d+ of 3145728 bytes; going on in 0.5 s/);
});

test('bytes that were changed on the way never get the final name', async () => {
  archive(2 * MIB);
  const reader = shell((bytes, total) => {
    if (total !== 0 || bytes.length < 1000) return bytes;
    const changed = Uint8Array.from(bytes);
    changed[500] = (changed[500] ?? 0) ^ 1;
    return changed;
  });
  await expect(bring(reader)).rejects.toMatchObject({ code: 'ARCHIVE_CHANGED' });
  expect(readdirSync(here)).toEqual([`${LOCAL}.part`]);
});

test('goes on with what is here, whatever its length', async () => {
  const content = archive(3 * MIB + 7);
  const part = path.join(here, `${LOCAL}.part`);
  for (const length of [0, 10, MIB, 2 * MIB + 5, 3 * MIB + 7]) {
    writeFileSync(part, content.subarray(0, length), { mode: 0o644 });
    const reader = shell();
    const { resumed_from, file } = await bring(reader, true);
    expect(resumed_from).toBe(Math.floor(length / MIB) * MIB);
    // Besides the rest of the archive, some lines with hashes.
    expect(reader.sent()).toBeLessThan(content.length - resumed_from + 1000);
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
});

test('what is here and longer than the archive is not gone on with', async () => {
  const content = archive(2 * MIB);
  writeFileSync(path.join(here, `${LOCAL}.part`), Buffer.concat([content, Buffer.alloc(2 * MIB)]));
  expect((await bring(shell())).resumed_from).toBe(0);
});

test('a link in the place of the part is not followed', async () => {
  archive(10);
  const victim = path.join(scratch, 'victim');
  writeFileSync(victim, 'mine');
  symlinkSync(victim, path.join(here, `${LOCAL}.part`));
  await expect(bring(shell())).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  expect(readFileSync(victim, 'utf8')).toBe('mine');
  expect(lstatSync(path.join(here, `${LOCAL}.part`)).isSymbolicLink()).toBe(true);
});

test('an archive that goes away meanwhile is told', async () => {
  archive(10);
  const reader = shell();
  const file = await findFile(reader, NAME);
  if (file === undefined) throw new Error('there is no archive');
  rmSync(path.join(there, NAME));
  const going = transfer(reader, file, { folder: here, force: false, onProgress: () => undefined });
  await expect(going).rejects.toMatchObject({ code: 'ARCHIVE_NOT_FOUND' });
});

test('lists files and nothing else, and takes a name for no more than a name', async () => {
  archive(10);
  truncateSync(path.join(there, NAME), 5);
  mkdirSync(path.join(there, 'folder.tar'));
  symlinkSync('/etc/passwd', path.join(there, 'link.tar'));
  writeFileSync(path.join(there, "$(touch x)';`id`.tar"), '');
  writeFileSync(path.join(there, 'two\nlines.tar'), '');
  const reader = shell();
  const names = (await listFiles(reader)).map(({ name, size }) => [name, size]);
  expect(names.sort()).toEqual([
    ["$(touch x)';`id`.tar", 0],
    [NAME, 5],
    ['two', 0],
  ]);
  expect(await findFile(reader, 'link.tar')).toBeUndefined();
  expect(await findFile(reader, "$(touch x)';`id`.tar")).toMatchObject({ size: 0 });
  expect(readdirSync(there)).toHaveLength(5);
});

test('a pod that tells more than a list can be is not believed', async () => {
  const reader = { ...shell(), run: flood };
  await expect(listFiles(reader)).rejects.toBeInstanceOf(ExhibitError);
});

async function flood({ onOutput }: FolderQuestion): Promise<never> {
  for (;;) await onOutput(new Uint8Array(8 * MIB));
}
