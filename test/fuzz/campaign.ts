/** Starts the process that runs cases, watches it, and tells what went wrong with which case. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type Report, SILENCE_LIMIT } from './report.ts';
import type { TargetName } from './targets.ts';

const RUN = path.join(import.meta.dirname, 'run.ts');

export interface CampaignResult {
  /** Cases that were begun. */
  readonly cases: number;
  readonly problems: readonly Required<Report>[];
}

/** Cases `first` to `first + count - 1` of a target. */
export const runCases = (target: TargetName, first: number, count: number): Promise<CampaignResult> =>
  runProcess([target, String(first), String(count)]);

/** Inputs that were kept. */
export const runFiles = (target: TargetName, files: readonly string[]): Promise<CampaignResult> =>
  runProcess([target, ...files]);

async function runProcess(args: readonly string[]): Promise<CampaignResult> {
  const child = spawn(process.execPath, ['--import', 'tsx', RUN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) =>
      resolve(code === 0 ? '' : `ended with ${signal ?? `code ${code}`}: ${stderr}`),
    );
  });
  let stuck = false;
  const kill = (): void => {
    stuck = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(kill, SILENCE_LIMIT);
  let [cases, last] = [0, ''];
  const problems: Required<Report>[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    clearTimeout(timer);
    timer = setTimeout(kill, SILENCE_LIMIT);
    const { case: id, problem } = JSON.parse(line) as Report;
    if (problem === undefined) cases++;
    else problems.push({ case: id, problem });
    last = id;
  }
  const failure = await ended;
  clearTimeout(timer);
  if (failure !== '') problems.push({ case: last, problem: stuck ? 'is stuck' : `the process ${failure}` });
  return { cases, problems };
}
