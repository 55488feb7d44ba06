import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type Result, type Running, type RunOptions, run, start, until } from './process.ts';
import { clearLeftovers, createState, isReady, type NodeState, readState } from './state.ts';

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
  /** Lives on after the caller; otherwise it ends with it, however that ends. */
  readonly detached: boolean;
}

/** Namespaces with a root filesystem of their own. */
export class Sandbox {
  readonly environment = ENVIRONMENT;
  readonly state: NodeState;
  readonly #init: { readonly pid: number; readonly started: number };

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

  async stop(): Promise<void> {
    if (isAlive(this.#init)) process.kill(this.pid, 'SIGKILL');
    await until(`the end of node ${this.state.id}`, async () => !existsSync(this.state.folder) || undefined, {
      interval: 20,
    });
  }
}

/** Sends a signal to a program started with `Sandbox.start`: `nsenter` itself passes none on. */
export function signal(child: ChildProcess, name: NodeJS.Signals): void {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  const inside = Number.parseInt(children, 10);
  if (inside > 0) process.kill(inside, name);
}

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  await clearLeftovers();
  const state = createState(randomBytes(4).toString('hex'), options.detached);
  const keeper = startKeeper(state, options);
  return until(
    `the sandbox (see ${state.folder}/sandbox.log)`,
    async () => {
      if (keeper.exitCode !== null) throw new Error(logOf(state));
      const now = readState(state.id);
      return isReady(now) ? new Sandbox(now) : undefined;
    },
    { seconds: 10, interval: 10 },
  );
}

function startKeeper(state: NodeState, options: SandboxOptions): ChildProcess {
  const credentials = join(state.folder, 'credentials');
  const binds = { [credentials]: credentials, [JOIN]: join(scripts, 'join.sh'), ...options.binds };
  const bindArguments = Object.entries(binds).map(([target, source]) => `${source}:${target}`);
  const log = openSync(join(state.folder, 'sandbox.log'), 'w');
  const keeper = spawn(
    join(scripts, 'keeper.sh'),
    [state.folder, state.cgroup, options.rootfs, ...bindArguments],
    {
      // Its own process group: Ctrl-C must not end the one that clears away.
      detached: true,
      stdio: [options.detached ? 'ignore' : 'pipe', log, log],
      env: { ...process.env, ...(options.detached ? {} : { ATTACHED: '1' }) },
    },
  );
  keeper.unref();
  return keeper;
}

function logOf(state: NodeState): string {
  return existsSync(state.folder)
    ? readFileSync(join(state.folder, 'sandbox.log'), 'utf8')
    : 'it ended at once';
}
