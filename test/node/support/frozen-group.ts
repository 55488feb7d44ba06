/** Control groups that a test makes itself, with processes of its own: nothing else is ever frozen. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../../testbed/process.ts';

export type CgroupVersion = 1 | 2;

const HIERARCHIES: Readonly<Record<CgroupVersion, readonly string[]>> = {
  1: ['/sys/fs/cgroup/freezer'],
  2: ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'],
};

/** Which versions this machine has a freezer of. */
export const CGROUP_VERSIONS = ([1, 2] as const).filter((version) => hierarchy(version) !== undefined);

function hierarchy(version: CgroupVersion): string | undefined {
  const marker = version === 1 ? 'release_agent' : 'cgroup.controllers';
  return HIERARCHIES[version].find((folder) => existsSync(path.join(folder, marker)));
}

export class FrozenGroup {
  readonly id = randomUUID().replaceAll('-', '').repeat(2);
  readonly folder: string;
  readonly #version: CgroupVersion;
  readonly #children: ChildProcess[] = [];
  readonly #folders: string[] = [];

  constructor(version: CgroupVersion) {
    this.#version = version;
    this.folder = path.join(hierarchy(version) ?? '', `exhibit-test-${this.id}`);
    this.#make(this.folder);
  }

  #make(folder: string): void {
    mkdirSync(folder);
    this.#folders.unshift(folder);
  }

  /** Starts a program in this group, or in one below it. */
  run(argv: readonly string[], below = ''): number {
    const folder = path.join(this.folder, below);
    if (!existsSync(folder)) this.#make(folder);
    const [file = '', ...args] = argv;
    const child = spawn(file, args, { stdio: 'ignore' });
    this.#children.push(child);
    writeFileSync(path.join(folder, 'cgroup.procs'), `${child.pid}`);
    return child.pid ?? 0;
  }

  /** By the kernel's word. */
  isFrozen(): boolean {
    if (this.#version === 1)
      return readFileSync(path.join(this.folder, 'freezer.state'), 'utf8').trim() !== 'THAWED';
    const isAsked = readFileSync(path.join(this.folder, 'cgroup.freeze'), 'utf8').trim() === '1';
    return isAsked || /^frozen 1$/m.test(readFileSync(path.join(this.folder, 'cgroup.events'), 'utf8'));
  }

  write(isFrozen: boolean, below = ''): void {
    const [file, text] =
      this.#version === 1
        ? ['freezer.state', isFrozen ? 'FROZEN' : 'THAWED']
        : ['cgroup.freeze', isFrozen ? '1' : '0'];
    writeFileSync(path.join(this.folder, below, file), text);
  }

  async remove(): Promise<void> {
    for (const folder of this.#folders) this.write(false, path.relative(this.folder, folder));
    for (const child of this.#children) child.kill('SIGKILL');
    await until('the groups to be empty', async () => {
      for (const folder of this.#folders) if (existsSync(folder)) rmdirSync(folder);
      return true;
    });
  }
}
