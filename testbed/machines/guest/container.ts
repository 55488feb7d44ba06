/** A container in an emulated machine: a program with namespaces and a control group of its own, named as containerd names it. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../process.ts';

const PODS = '/sys/fs/cgroup/kubepods.slice';

export interface Container {
  readonly name: string;
  /** Of its first process, as the machine counts. */
  readonly pid: number;
  isFrozen(): boolean;
  isRunning(): boolean;
}

/** Gives it when the program has said that it is ready. Emulated processors are slow: it may take minutes. */
export async function startContainer(name: string, argv: readonly string[]): Promise<Container> {
  const id = createHash('sha256').update(name).digest('hex');
  const group = path.join(PODS, `cri-containerd-${id}.scope`);
  mkdirSync(group, { recursive: true });
  const log = path.join('/tmp', `${name}.log`);
  const output = openSync(log, 'w');
  // 0 is whoever writes it: its number is another one in its own namespace.
  const enter = ['sh', '-c', 'echo 0 >"$0" && exec "$@"', path.join(group, 'cgroup.procs')];
  spawn('unshare', ['-m', '-u', '-i', '-n', '-p', '-f', ...enter, ...argv], {
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  await until(`${name} to be ready`, async () => readFileSync(log, 'utf8').includes('ready') || undefined, {
    seconds: 120,
  });
  const pid = Number(readFileSync(path.join(group, 'cgroup.procs'), 'utf8').split('\n')[0]);
  return {
    name,
    pid,
    isFrozen: () => /^frozen 1$/m.test(readFileSync(path.join(group, 'cgroup.events'), 'utf8')),
    isRunning: () => existsSync(`/proc/${pid}/exe`),
  };
}
