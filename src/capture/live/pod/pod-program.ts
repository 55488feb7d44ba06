/**
 * What runs in the pod of a capture: `run` takes the capture and then waits to be removed; the others are asked by whoever
 * made the pod, through the API server, as often as the connection is cut. `watch` tells what the capture says, from a byte
 * on, and after a zero byte how it ended. `find`, `read`, `hash` and `hash-blocks` answer as the scripts of
 * collect/node-folder.ts do, since the image holds no shell.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs';
import { lstat, open, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { MOUNT_PATH } from '../../collect/helper-pod.ts';
import { BLOCK_BYTES, type FolderCommand } from '../../collect/node-folder.ts';
import { uploadArchive } from '../../upload/upload-archive.ts';
import type { UploadRequest, UploadWord } from '../../upload/upload-in-pod.ts';
import { parseUploadUrl } from '../../upload/upload-target.ts';
import { MAX_REPORT_BYTES, type PodEnd } from './pod-end.ts';

const EXHIBIT = fileURLToPath(new URL('../exhibit.cjs', import.meta.url));
const PROGRESS = path.join(tmpdir(), 'progress');
const END = path.join(tmpdir(), 'end.json');

const POLL_MILLISECONDS = 100;
/** Longer than any pod lives: it waits to be removed. */
const WAIT_MILLISECONDS = 2 ** 31 - 1;

type Action = (args: readonly string[]) => Promise<void>;

const ACTIONS: Readonly<Record<'run' | 'watch' | Exclude<FolderCommand, 'list'> | 'upload', Action>> = {
  run,
  watch: ([from = '0']) => watch(Number(from)),
  find: async ([file = '']) => {
    const found = await lstat(file).catch(() => undefined);
    if (found?.isFile()) write(`${found.size} ${Math.floor(found.mtimeMs / 1000)} ./x\n`);
  },
  read: async ([file = '', block = '0']) => {
    for await (const bytes of pieces(file, Number(block) * BLOCK_BYTES)) await send(bytes);
  },
  hash: async ([file = '']) => write(`${await hash(file, Number.POSITIVE_INFINITY)}  -\n`),
  upload: ([file = '']) => upload(file),
  'hash-blocks': async ([file = '', blocks = '0']) =>
    write(`${await hash(file, Number(blocks) * BLOCK_BYTES)}  -\n`),
};

async function run(args: readonly string[]): Promise<void> {
  const way = ['--via', 'node', '--output-dir', MOUNT_PATH, '--json', '--no-inspect'];
  const child = spawn(process.execPath, [EXHIBIT, 'capture', ...args, ...way], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(child, signal));
  const progress = createWriteStream(PROGRESS, { mode: 0o600 });
  child.stderr.pipe(progress);
  // For `kubectl logs` as well.
  child.stderr.pipe(process.stderr);
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    if (output.length < MAX_REPORT_BYTES) output += bytes.toString();
  });
  const [code] = await once(child, 'close');
  if (!progress.closed) await once(progress, 'close');
  const told: PodEnd = { code: typeof code === 'number' ? code : undefined, output };
  await writeFile(`${END}.part`, JSON.stringify(told), { mode: 0o600 });
  await rename(`${END}.part`, END);
  await sleep(WAIT_MILLISECONDS);
}

/** The capture lets the container run and clears away; then nothing is left to wait for. */
function end(child: ReturnType<typeof spawn>, signal: NodeJS.Signals): void {
  if (child.exitCode !== null || child.signalCode !== null) process.exit(0);
  child.once('close', () => process.exit(0));
  child.kill(signal);
}

async function watch(from: number): Promise<void> {
  let sent = from;
  for (;;) {
    // Looked for before the rest is read: what came before it is then not missed.
    const isOver = existsSync(END);
    for await (const bytes of pieces(PROGRESS, sent)) {
      sent += bytes.length;
      await send(bytes);
    }
    if (isOver) return write(`\0${readFileSync(END, 'utf8')}`);
    await sleep(POLL_MILLISECONDS);
  }
}

const PROGRESS_MILLISECONDS = 500;
/** A URL, and the certificates of a few authorities. */
const MAX_REQUEST_LENGTH = 1024 * 1024;

async function upload(file: string): Promise<void> {
  const say = (word: UploadWord): void => write(`${JSON.stringify(word)}\n`);
  let told = 0;
  try {
    const { url, ca, size, sha256 } = JSON.parse(await readLine()) as UploadRequest;
    await uploadArchive(
      file,
      { url: parseUploadUrl(url), ca },
      {
        size,
        sha256,
        signal: new AbortController().signal,
        tell: (note) => say({ note }),
        onProgress: (done) => {
          if (Date.now() - told < PROGRESS_MILLISECONDS) return;
          told = Date.now();
          say({ done });
        },
      },
    );
    say({ stored: true });
  } catch (error) {
    const isOurs = error instanceof ExhibitError;
    say({ error: isOurs ? error.message : 'the upload ended unexpectedly', help: isOurs ? error.help : [] });
  }
}

/** The input stays open: it is let go of once the line is here. */
async function readLine(): Promise<string> {
  let line = '';
  for await (const bytes of process.stdin) {
    line += String(bytes);
    if (line.endsWith('\n') || line.length > MAX_REQUEST_LENGTH) break;
  }
  return line;
}

async function* pieces(file: string, start: number, end?: number): AsyncGenerator<Buffer> {
  if (end !== undefined && end <= start) return;
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return;
  const options = { start, highWaterMark: BLOCK_BYTES, ...(end === undefined ? {} : { end: end - 1 }) };
  yield* handle.createReadStream(options) as AsyncIterable<Buffer>;
}

async function hash(file: string, length: number): Promise<string> {
  const digest = createHash('sha256');
  if (length === Number.POSITIVE_INFINITY) {
    for await (const bytes of createReadStream(file, { highWaterMark: BLOCK_BYTES })) digest.update(bytes);
  } else {
    for await (const bytes of pieces(file, 0, length)) digest.update(bytes);
  }
  return digest.digest('hex');
}

function write(text: string): void {
  process.stdout.write(text);
}

/** Waits for a reader that is slow. */
async function send(bytes: Uint8Array): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
}

const [name = '', ...args] = process.argv.slice(2);
// Whoever asked is gone: so is the question.
process.stdout.on('error', () => process.exit(1));
const action = Object.entries(ACTIONS).find(([each]) => each === name)?.[1];
if (action === undefined) process.exitCode = 2;
else await action(args);
