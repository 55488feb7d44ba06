import { readdirSync, readFileSync } from 'node:fs';

/** The processes of a container of the test's own node, as the host counts; not those that have ended. */
export function pidsOf(id: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const isInside = readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id);
      return isInside && readFileSync(`/proc/${pid}/maps`, 'utf8') !== '';
    } catch {
      return false;
    }
  });
}
