import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Result {
  /** The exit code; 128 + the signal's number for a program that a signal ended, as shells count. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Milliseconds after which the program is killed. Default: none. */
  readonly timeout?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Starts a program; `finished` gives its result and never rejects but when there is no such program. */
export function start(argv: readonly string[], options: RunOptions = {}): Running {
  const [file = '', ...args] = argv;
  const spawnOptions: SpawnOptions = { stdio: ['pipe', 'pipe', 'pipe'] };
  if (options.env) spawnOptions.env = options.env;
  if (options.timeout) Object.assign(spawnOptions, { timeout: options.timeout, killSignal: 'SIGKILL' });
  const child = spawn(file, args, spawnOptions);
  // A program that does not read its input closes the pipe: that is no error of ours.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');
  return { child, finished: collect(child) };
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Result>;
}

function collect(child: ChildProcess): Promise<Result> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve({
        code: code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
  });
}

export function run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
  return start(argv, options).finished;
}

/** The output of a program that has to succeed. */
export async function output(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  return succeeded(argv, await run(argv, options));
}

export function succeeded(argv: readonly string[], result: Result): string {
  if (result.code === 0) return result.stdout;
  throw new Error(`${argv.join(' ')}: exit code ${result.code}\n${result.stderr}${result.stdout}`);
}

/** Waits until `probe` gives something; at the deadline, says `what` was waited for and the last trouble. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  { seconds = 20, interval = 100 }: { readonly seconds?: number; readonly interval?: number } = {},
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let trouble = '';
  do {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      trouble = `: ${error}`;
    }
    await sleep(interval);
  } while (Date.now() < deadline);
  throw new Error(`gave up after ${seconds} s waiting for ${what}${trouble}`);
}

/** A process by its number and its start, since numbers are used again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot: field 22 of /proc/PID/stat, proc_pid_stat(5). */
  readonly started: number;
}

export function parseIdentity(stat: string): ProcessIdentity {
  // The command's name stands in parentheses and may hold anything: count fields after the last one.
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid: Number.parseInt(stat, 10), started: Number(afterName[19]) };
}

export function identify(pid: number): ProcessIdentity | undefined {
  try {
    return parseIdentity(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

export function isAlive(process: ProcessIdentity | undefined): process is ProcessIdentity {
  return process !== undefined && identify(process.pid)?.started === process.started;
}
