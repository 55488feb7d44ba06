/** What is done in an emulated machine: captures of each kind, what reads them, and captures that are killed. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, start, until } from '../../process.ts';
import { type Container, startContainer } from './container.ts';
import type { Kill, Report, Step } from './report.ts';

const OUT = '/out';
const HOME = '/exhibit';
const EXHIBIT = [
  'node',
  path.join(HOME, JSON.parse(readFileSync(`${HOME}/package.json`, 'utf8')).bin.exhibit),
];
/** Milliseconds; a command takes some seconds where each instruction is emulated. */
const COMMAND_LIMIT = 300_000;
const KILLS = 10;
/** Far more than the second or two that are promised, to see how long it is; the machine may be busy. */
const THAW_LIMIT_SECONDS = 60;
/** Until the container is taken for one that will not be frozen any more, against how long a whole capture took. */
const PATIENCE = 4;

const steps: Record<string, Step> = {};

async function exhibit(name: string, ...args: readonly string[]): Promise<void> {
  const argv = [...EXHIBIT, ...args];
  const from = performance.now();
  const result = await run(argv, { timeout: COMMAND_LIMIT });
  const step = { argv, ...result, seconds: (performance.now() - from) / 1000 };
  steps[name] = step;
  console.log(`${name}: exit code ${step.code}, ${step.seconds.toFixed(1)} s\n${step.stderr}`);
}

function capture({ pid }: Container, folder: string): readonly string[] {
  mkdirSync(folder);
  return ['capture', '--via', 'node', '--pid', `${pid}`, '--json', '--no-inspect', '-o', folder];
}

/** Captures it, and looks into the archive as an examiner does. */
async function captureAndRead(container: Container, name: string, ...options: readonly string[]) {
  const folder = path.join(OUT, name);
  await exhibit(`capture ${name}`, ...capture(container, folder), ...options);
  const file = readdirSync(folder).find((each) => each.endsWith('.tar'));
  if (file === undefined) return;
  const archive = path.join(folder, file);
  await exhibit(`inspect ${name}`, 'inspect', archive, '--all', '--json');
  await exhibit(`search ${name}`, 'memory', archive, '--search', 'EXHIBIT-', '--json');
  await exhibit(`core ${name}`, 'export', 'elf-core', archive, '--pid', '1', '-o', path.join(folder, 'core'));
}

/** Every other one as soon as the container stands, the others at any moment. */
async function killCapture(container: Container, moment: number, longest: number): Promise<Kill> {
  const folder = `/tmp/killed-${moment}`;
  const from = performance.now();
  const { child, finished } = start([...EXHIBIT, ...capture(container, folder)]);
  const isOver = () => child.exitCode !== null || performance.now() - from > PATIENCE * longest;
  if (moment % 2 === 1) await sleep(Math.random() * longest);
  else while (!container.isFrozen() && !isOver()) await sleep(1);
  const wasFrozen = container.isFrozen();
  child.kill('SIGKILL');
  const killed = performance.now();
  await finished;
  const runs = async () => !container.isFrozen() || undefined;
  const thawed = await until('the container to run', runs, { seconds: THAW_LIMIT_SECONDS, interval: 5 }).then(
    () => performance.now(),
    () => undefined,
  );
  const kill = {
    seconds: (killed - from) / 1000,
    wasFrozen,
    secondsToThaw: thawed === undefined ? undefined : (thawed - killed) / 1000,
    left: readdirSync(folder),
  };
  console.log(`killed: ${JSON.stringify(kill)}`);
  return kill;
}

async function main(): Promise<void> {
  const stacks = await startContainer('stacks', ['stacks', 'stacks']);
  const kinds = await startContainer('kinds', ['kinds']);
  const crowd = await startContainer('crowd', ['crowd', '4', '1', '20']);
  // Where a debugger finds what the core file is of.
  copyFileSync('/bin/stacks', path.join(OUT, 'program'));
  for (const container of [stacks, kinds, crowd]) await captureAndRead(container, container.name);
  await captureAndRead(crowd, 'running', '--no-freeze');
  const longest = 1000 * (steps['capture crowd']?.seconds ?? 0);
  const kills: Kill[] = [];
  for (let moment = 0; moment < KILLS; moment++) kills.push(await killCapture(crowd, moment, longest));
  const report: Report = {
    kernel: readFileSync('/proc/version', 'utf8').trim(),
    nodeVersion: process.version,
    architecture: process.arch,
    cgroupMounts: (await run(['grep', 'cgroup', '/proc/mounts'])).stdout,
    steps,
    kills,
    running: [stacks, kinds, crowd].filter((each) => each.isRunning()).map(({ name }) => name),
  };
  writeFileSync(path.join(OUT, 'report.json'), JSON.stringify(report));
}

await main();
process.exit();
