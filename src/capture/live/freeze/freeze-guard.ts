/** Exhibit's end of the freeze guard: see guard-program.ts for what it does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { ownProgram } from '../own-program.ts';
import type { FreezerWrite } from './freezer-group.ts';

/**
 * A Node.js starts within half a second; a node that is short of memory or processor takes longer, an emulated one eleven
 * seconds (decision 026). Nothing stands still meanwhile.
 */
const START_MILLISECONDS = 60_000;
/** For an answer of a process that has nothing to do but answer. */
const ANSWER_MILLISECONDS = 2000;
/** Its JavaScript heap holds some hundred KiB; what it costs is Node.js itself (decision 022). */
const SMALL = ['--max-old-space-size=16', '--max-semi-space-size=1', '--v8-pool-size=0'];

/** Why a guard ended: it was told that all is done, it thawed, or it was lost (killed, most likely) and thawed nothing. */
export type GuardEnd = 'done' | 'deadline' | 'gone' | 'lost';

export interface FreezeGuard {
  readonly pid: number;
  /** Settles when the guard has ended, however; never rejects. */
  readonly ended: Promise<GuardEnd>;
  /** To be called just before the freeze: from now on its time runs, and it thaws when this process ends. */
  arm(): void;
  /** Says that the container runs again. Resolves with how the guard ended: `done`, unless something came before. */
  dismiss(): Promise<GuardEnd>;
}

/**
 * Starts a guard that, once armed, does `thaw` when this process ends or `milliseconds` have passed, and waits until it stands
 * ready.
 * Throws `FREEZE_FAILED` where that does not come about: then nothing may be frozen.
 */
export async function startGuard(thaw: FreezerWrite, milliseconds: number, root = '/'): Promise<FreezeGuard> {
  const program = ownProgram('freeze-guard', new URL('./guard-program.ts', import.meta.url));
  const args = [...SMALL, ...program, thaw.file, thaw.text, `${milliseconds}`, root];
  const child = spawn(process.execPath, args, {
    // A session of its own: signals of our terminal do not reach it. No environment: NODE_OPTIONS is not meant for it.
    detached: true,
    env: {},
    cwd: '/',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const { lines, ended } = listen(child);
  const isReady = await within(START_MILLISECONDS, Promise.race([lines.ready, ended.then(() => false)]));
  if (isReady !== true) {
    child.kill('SIGKILL');
    const message =
      'the freeze guard, which would let the container run again if this program ended, did not start';
    throw new ExhibitError(
      'FREEZE_FAILED',
      `${message}: nothing was frozen; is there memory for one more process?`,
    );
  }
  const arm = (): unknown => child.stdin?.write('arm\n');
  return { pid: child.pid ?? 0, ended, arm, dismiss: () => dismiss(child, ended) };
}

function listen(child: ChildProcess): {
  readonly lines: { readonly ready: Promise<true> };
  readonly ended: Promise<GuardEnd>;
} {
  let said = '';
  const ready = new Promise<true>((resolve) => {
    child.stdout?.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (said.includes('ready\n')) resolve(true);
    });
  });
  // A guard that is gone closes the pipe: that is told by `ended`.
  child.stdin?.on('error', () => undefined);
  const ended = new Promise<GuardEnd>((resolve) => {
    child.once('error', () => resolve('lost'));
    child.once('close', () => resolve((/^(done|deadline|gone)$/m.exec(said)?.[1] as GuardEnd) ?? 'lost'));
  });
  return { lines: { ready }, ended };
}

async function dismiss(child: ChildProcess, ended: Promise<GuardEnd>): Promise<GuardEnd> {
  child.stdin?.end('done\n');
  const answer = await within(ANSWER_MILLISECONDS, ended);
  if (answer !== undefined) return answer;
  // Stopped by somebody, most likely: it would wait for its deadline.
  child.kill('SIGKILL');
  return ended;
}

/** What a promise gives, or undefined once the time is up. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
