import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** One command line as it is measured. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  /** Counts as a success although the exit code is not 0. */
  readonly acceptsFailure?: boolean;
  /** Between two runs, not measured: removes what the command wrote. */
  readonly cleanUp?: () => void;
  /** Default TIME_LIMIT_SECONDS. */
  readonly limitSeconds?: number;
}

export interface Measurement {
  /** The fastest run: the others say what else the machine did. */
  readonly seconds: number;
  /** Of the processor, in all threads and children, of the run that took least; it depends little on what else runs. */
  readonly processorSeconds: number;
  /** Highest resident memory of all runs, in bytes; undefined where the system does not tell. */
  readonly peakMemory: number | undefined;
  /** It was stopped: it would have taken longer than `limitSeconds`. */
  readonly isStopped: boolean;
  readonly limitSeconds: number;
  /** How often it was run. */
  readonly runs: number;
  readonly outputBytes: number;
}

/** Of what takes at most LONG_RUN_SECONDS. */
export const RUNS = 3;
/** A peer that takes longer is stopped; its row then says "more than". */
const TIME_LIMIT_SECONDS = 120;
/** A run this long is not repeated; its row says so. */
const LONG_RUN_SECONDS = 20;
const POLL_MILLISECONDS = 5;

/** Runs a command several times with a warm cache. Throws when it fails. */
export async function measure(command: Command): Promise<Measurement> {
  const runs: Measurement[] = [];
  for (let index = 0; index < RUNS; index++) {
    command.cleanUp?.();
    const run = await runOnce(command);
    runs.push(run);
    if (run.isStopped || run.seconds > LONG_RUN_SECONDS) break;
  }
  command.cleanUp?.();
  const fastest = runs.reduce((best, run) => (run.seconds < best.seconds ? run : best));
  const processorSeconds = Math.min(...runs.map((run) => run.processorSeconds));
  const peaks = runs.map(({ peakMemory }) => peakMemory).filter((peak) => peak !== undefined);
  const peakMemory = peaks.length > 0 ? Math.max(...peaks) : undefined;
  return { ...fastest, processorSeconds, peakMemory, runs: runs.length };
}

function runOnce({
  argv: [program, ...rest],
  acceptsFailure,
  limitSeconds = TIME_LIMIT_SECONDS,
}: Command): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    // A pipe: into /dev/null, grep would stop at the first match.
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    let peakMemory: number | undefined;
    let processorSeconds = 0;
    let outputBytes = 0;
    let errors = '';
    let isStopped = false;
    child.stdout.on('data', (chunk: Buffer) => {
      outputBytes += chunk.length;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2_000);
    });
    const poll = setInterval(() => {
      peakMemory = Math.max(peakMemory ?? 0, readPeakMemory(child.pid) ?? 0) || undefined;
      processorSeconds = readProcessorSeconds(child.pid) ?? processorSeconds;
    }, POLL_MILLISECONDS);
    const limit = setTimeout(() => {
      isStopped = true;
      child.kill('SIGKILL');
    }, limitSeconds * 1_000);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(poll);
      clearTimeout(limit);
      const seconds = (performance.now() - began) / 1_000;
      if (code === 0 || isStopped || acceptsFailure)
        resolve({ seconds, processorSeconds, peakMemory, isStopped, limitSeconds, runs: 1, outputBytes });
      else reject(new Error(`${program} ${rest.join(' ')} ended with ${code}: ${errors}`));
    });
  });
}

/** VmHWM of /proc/PID/status, which counts from the start of the process. */
function readPeakMemory(pid: number | undefined): number | undefined {
  try {
    const kibibytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}

/** Linux counts in hundredths of a second for programs, whatever the kernel itself does. */
const TICKS = 100;

/** User and system time of the process and the children that it has waited for: fields 14 to 17 of /proc/PID/stat. */
function readProcessorSeconds(pid: number | undefined): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / TICKS;
  } catch {
    return undefined;
  }
}
