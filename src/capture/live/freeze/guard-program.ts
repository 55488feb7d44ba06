/**
 * The freeze guard: a process of its own that lets a container run again when Exhibit cannot. It is told the write that
 * does it before anything is frozen, says `ready`, hears `arm` just before the freeze, and then waits for what comes first:
 * `done` (Exhibit has thawed the container itself), the end of its input (Exhibit is gone), or its deadline (Exhibit hangs or
 * was stopped). Its last line says which it was. Before it is armed there is nothing of Exhibit's to thaw. Imports nothing of ours, so that it stays small and starts quickly.
 */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [file = '', text = '', milliseconds = '', root = '/'] = process.argv.slice(2);

/** A write to a control group's file fails when the group is gone, which is as good, or for a moment that passes. */
const ATTEMPTS = 100;
const PAUSE_MILLISECONDS = 50;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)
  process.on(signal, () => undefined);
// A reader that is gone must not end this process.
process.stdout.on('error', () => undefined);

stayAlive();
// Opened now: later its path may lead nowhere.
const freezer = openSync(file, 'r+');
process.stdin.resume();
let heard = '';
let isArmed = false;
let isOver = false;
process.stdin.on('data', hear);
process.stdin.once('end', () => over('gone'));
process.stdin.once('error', () => over('gone'));
process.stdout.write('ready\n');

function hear(bytes: Buffer): void {
  heard += bytes.toString();
  if (!isArmed && heard.includes('arm\n')) {
    isArmed = true;
    setTimeout(() => over('deadline'), Number(milliseconds));
  }
  if (heard.includes('done\n')) over('done');
}

/**
 * Out of Exhibit's control groups, which the node's kubelet kills as a whole when a pod is deleted or out of memory, and
 * last in the kernel's choice of whom to kill. Both are tried: neither can be done everywhere.
 */
function stayAlive(): void {
  attempt(() => writeFileSync('/proc/self/oom_score_adj', '-1000'));
  const lines = attempt(() => readFileSync('/proc/self/cgroup', 'utf8'))?.split('\n') ?? [];
  const folder = path.join(root, 'sys/fs/cgroup');
  for (const line of lines) {
    const controllers = line.split(':')[1];
    if (controllers === undefined) continue;
    const hierarchies =
      controllers === '' ? ['unified', '.'] : [controllers, controllers.replace(/^name=/, '')];
    // 0 stands for who writes it (cgroup-v2.rst; the same in version 1).
    for (const each of hierarchies)
      attempt(() => writeFileSync(path.join(folder, each, 'cgroup.procs'), '0', { flag: 'r+' }));
  }
}

/** What comes first is what counts: a thaw after `done` could undo a freeze of somebody else's. */
async function over(why: 'done' | 'gone' | 'deadline'): Promise<void> {
  if (isOver) return;
  isOver = true;
  if (why !== 'done' && isArmed) await thaw();
  attempt(() => closeSync(freezer));
  process.stdout.write(`${why}\n`, () => process.exit(0));
}

async function thaw(): Promise<void> {
  for (let attempts = 0; attempts < ATTEMPTS; attempts++) {
    if (attempt(() => writeSync(freezer, text, 0)) !== undefined) return;
    await sleep(PAUSE_MILLISECONDS);
  }
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
