/** The runtime's process that dumps a container, `runc checkpoint … ID` (crun alike), as /proc on the node shows it. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Its number; undefined where none works on container `id`. */
export async function findDumper(id: string, root = '/'): Promise<string | undefined> {
  const names = await readdir(path.join(root, 'proc')).catch(() => []);
  for (const pid of names.filter((name) => /^\d+$/.test(name))) {
    const file = path.join(root, 'proc', pid, 'cmdline');
    const argv = (await readFile(file, 'utf8').catch(() => '')).split('\0');
    if (argv.includes(id) && argv.includes('checkpoint')) return pid;
  }
  return undefined;
}

/** A dump that was given up ends within half a second (measured with containerd 2.1.9, its kubelet killed). */
const PATIENCE_MILLISECONDS = 10_000;
const POLL_MILLISECONDS = 100;

/** Waits until no process dumps the container: before that, its freezer says nothing. Gives up after ten seconds. */
export async function waitForDumper(id: string, root = '/'): Promise<void> {
  const deadline = Date.now() + PATIENCE_MILLISECONDS;
  while (Date.now() < deadline && (await findDumper(id, root)) !== undefined) await sleep(POLL_MILLISECONDS);
}
