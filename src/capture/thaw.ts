/**
 * Lets a container run on that stands still, on its node. containerd keeps a state of its own beside the freezer's: what
 * is thawed by its control group alone stays PAUSED for containerd, and its own resume then fails with "container not
 * paused" (measured on 2.1.9). So containerd is asked first, and the freezer written only where that did not help: for
 * a runtime that goes by the freezer (runc, crun under CRI-O and Podman), or a container that somebody froze by hand.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { callGrpc } from './cri/grpc.ts';
import { CONTAINERD_SOCKETS } from './cri/runtime-socket.ts';
import { encodeMessage } from './cri/wire.ts';
import { findDumper } from './dumper.ts';
import { readFreezerState, releaseFreezer } from './freezer.ts';
import { thawCommands } from './run-check.ts';

/** What `exhibit thaw --json` prints beside the container's names. */
export interface ThawReport {
  /** `running`: it did not stand still. */
  readonly before: 'frozen' | 'running';
  /** What let it run: containerd's resume, or the freezer of its control group; undefined where nothing was done. */
  readonly by?: 'containerd' | 'freezer' | undefined;
}

/** A containerd that does not answer is not waited for: the freezer can be released without it. */
const RESUME_MILLISECONDS = 5000;

/** A resumed task is seen in the freezer at once; a process in the kernel takes a moment to leave it. */
const SETTLE_MILLISECONDS = 2000;
const POLL_MILLISECONDS = 50;

/**
 * Thaws container `id`. Throws `CONTAINER_NOT_FOUND` where it does not run on this machine, `CHECKPOINT_IN_PROGRESS`
 * while the runtime is dumping it, `THAW_FAILED` where it still stands.
 */
export async function thawContainer(id: string, root = '/'): Promise<ThawReport> {
  const state = await readFreezerState(id, root);
  if (state === 'running') return { before: 'running' };
  if (state !== 'frozen') throw notHere(id);
  const dumper = await findDumper(id, root);
  if (dumper !== undefined) {
    const message = `container ${id} is being checkpointed (process ${dumper}): it goes on when that is done`;
    throw new ExhibitError('CHECKPOINT_IN_PROGRESS', message);
  }
  for (const socket of CONTAINERD_SOCKETS) {
    if (await resumeTask(path.join(root, socket), id)) {
      if (await isSoonRunning(id, root)) return { before: 'frozen', by: 'containerd' };
    }
  }
  await releaseFreezer(id, root);
  if (await isSoonRunning(id, root)) return { before: 'frozen', by: 'freezer' };
  throw new ExhibitError('THAW_FAILED', `container ${id} still stands: is this root on its node?`, {
    help: thawCommands(id),
  });
}

function notHere(id: string): ExhibitError {
  const where = `container ${id} does not run on this machine, or its control group cannot be read`;
  return new ExhibitError('CONTAINER_NOT_FOUND', `${where}: thaw it on its node, as root`);
}

/** containerd's tasks service; the namespace is a header (containerd api/services/tasks/v1/tasks.proto). */
async function resumeTask(socket: string, id: string): Promise<boolean> {
  const request = encodeMessage([[1, id]]);
  const method = '/containerd.services.tasks.v1.Tasks/Resume';
  try {
    const { status } = await callGrpc(socket, method, request, {
      headers: { 'containerd-namespace': 'k8s.io' },
      limitMilliseconds: RESUME_MILLISECONDS,
    });
    return status === 'OK';
  } catch {
    // No containerd there, or none that answers: the freezer is what is left.
    return false;
  }
}

async function isSoonRunning(id: string, root: string): Promise<boolean> {
  const deadline = Date.now() + SETTLE_MILLISECONDS;
  for (;;) {
    if ((await readFreezerState(id, root)) === 'running') return true;
    if (Date.now() >= deadline) return false;
    await sleep(POLL_MILLISECONDS);
  }
}
