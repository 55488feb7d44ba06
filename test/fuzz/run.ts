/**
 * Runs cases of one target in a process of its own, which may be killed: `run.ts TARGET FIRST COUNT`, or
 * `run.ts TARGET FILE…` for kept inputs. Tells on standard output, a JSON value a line, each case before it is begun and
 * each problem. Processor time instead of elapsed time, so that a busy machine makes no case slow.
 */
import { readFileSync } from 'node:fs';
import { MEMORY_LIMIT, type Report, SECONDS_LIMIT } from './report.ts';
import { TARGETS, type TargetName } from './targets.ts';

const [name, first = '', second] = process.argv.slice(2);
const target = await TARGETS[name as TargetName]();

function tell(report: Report): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

async function runCase(id: string, input: Uint8Array): Promise<void> {
  tell({ case: id });
  const before = process.cpuUsage();
  try {
    await target.run(input);
  } catch (error) {
    tell({ case: id, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  if (seconds > SECONDS_LIMIT) tell({ case: id, problem: `took ${seconds.toFixed(2)} s of processor time` });
  const memory = process.memoryUsage.rss();
  if (memory > MEMORY_LIMIT) tell({ case: id, problem: `the process holds ${memory} bytes` });
}

if (/^\d+$/.test(first) && second !== undefined) {
  for (let number = Number(first); number < Number(first) + Number(second); number++) {
    await runCase(String(number), target.input(number));
  }
} else {
  for (const file of process.argv.slice(3)) await runCase(file, readFileSync(file));
}
