import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import {
  type ProcessIdentity,
  type Result,
  type Running,
  type RunOptions,
  run,
  start,
  until,
} from './process.ts';
import {
  clearLeftovers,
  createState,
  end,
  isReady,
  type NodeState,
  readState,
  recordDetached,
} from './state.ts';

const JOIN = '/usr/local/lib/exhibit/join.sh';
const scripts = join(import.meta.dirname, 'sandbox');

/** All that a program in the sandbox gets to see of the caller's environment, and what it needs. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  HOME: '/root',
  LANG: 'C.UTF-8',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

export interface SandboxOptions {
  readonly rootfs: string;
  /** Path in the sandbox → the host's path, read-only. */
  readonly binds: Readonly<Record<string, string>>;
}

/** Namespaces with a root filesystem of their own. */
export class Sandbox {
  readonly environment = ENVIRONMENT;
  readonly state: NodeState;
  readonly #init: ProcessIdentity;

  constructor(state: NodeState) {
    if (!state.init || !isReady(state)) throw new Error(`testbed node ${state.id} is not running`);
    this.state = state;
    this.#init = state.init;
  }

  /** The first process, as the host counts. */
  get pid(): number {
    return this.#init.pid;
  }

  /** The sandbox's root filesystem as the host sees it. */
  get root(): string {
    return `/proc/${this.pid}/root`;
  }

  exec(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
    return run(this.command(argv), { ...options, env: { ...ENVIRONMENT, ...options.env } });
  }

  start(argv: readonly string[], options: RunOptions = {}): Running {
    return start(this.command(argv), { ...options, env: { ...ENVIRONMENT, ...options.env } });
  }

  /** In the sandbox's network, with the host's files and processes. */
  execOnNetwork(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
    return run(['nsenter', '--target', `${this.pid}`, '--net', '--', ...argv], options);
  }

  /** Starts a service that ends with the sandbox; its output goes to /var/log/NAME.log. */
  async service(name: string, argv: readonly string[]): Promise<void> {
    const script = `exec "$@" >/var/log/${name}.log 2>&1 </dev/null`;
    // A session of its own: Ctrl-C at the driver's terminal is not for it.
    await this.exec(['setsid', '--fork', 'sh', '-c', script, name, ...argv]);
  }

  /** What to run on the host to run `argv` in the sandbox. */
  command(argv: readonly string[]): string[] {
    const namespaces = ['--mount', '--net', '--pid', '--uts', '--ipc', '--cgroup'];
    return ['nsenter', '--target', `${this.pid}`, ...namespaces, '--', JOIN, ...argv];
  }

  stop(): Promise<void> {
    return end(this.state);
  }
}

/** Sends a signal to a program started with `Sandbox.start`: `nsenter` itself passes none on. */
export function signal(child: ChildProcess, name: NodeJS.Signals): void {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  const inside = Number.parseInt(children, 10);
  if (inside > 0) process.kill(inside, name);
}

/** A sandbox that ends when the caller does, however that ends, unless it is detached. */
export async function startSandbox(options: SandboxOptions): Promise<StartedSandbox> {
  await clearLeftovers();
  const state = createState(randomBytes(4).toString('hex'));
  const keeper = startKeeper(state, options);
  await until(
    'the sandbox',
    async () => {
      if (keeper.exitCode !== null) throw new Error(logOf(state));
      return isReady(readState(state.id)) || undefined;
    },
    { seconds: 10, interval: 10 },
  );
  return { state: readState(state.id), detach: () => detach(state, keeper) };
}

export interface StartedSandbox {
  readonly state: NodeState;
  /** Lets it live on after the caller. */
  readonly detach: () => Promise<void>;
}

function startKeeper(state: NodeState, options: SandboxOptions): ChildProcess {
  const credentials = join(state.folder, 'credentials');
  const binds = { [credentials]: credentials, [JOIN]: join(scripts, 'join.sh'), ...options.binds };
  const bindArguments = Object.entries(binds).map(([target, source]) => `${source}:${target}`);
  const log = openSync(join(state.folder, 'sandbox.log'), 'w');
  const keeper = spawn(
    join(scripts, 'keeper.sh'),
    [state.folder, state.cgroup, options.rootfs, ...bindArguments],
    // A process group of its own: Ctrl-C must not end the one that clears away.
    { detached: true, stdio: ['pipe', log, log] },
  );
  closeSync(log);
  // Neither it nor the pipe to it keeps the caller from ending.
  keeper.unref();
  if (keeper.stdin instanceof Socket) keeper.stdin.unref();
  return keeper;
}

/** Without this word, the end of the pipe is the end of the sandbox; see keeper.sh. */
async function detach(state: NodeState, keeper: ChildProcess): Promise<void> {
  recordDetached(state);
  await new Promise<void>((resolve) => keeper.stdin?.end('detach\n', resolve));
}

function logOf(state: NodeState): string {
  return existsSync(state.folder)
    ? readFileSync(join(state.folder, 'sandbox.log'), 'utf8')
    : 'it ended at once';
}
