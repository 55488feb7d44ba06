/** /proc/PID/status and /proc/PID/task/TID/status (proc(5)): lines `Name:` TAB value. */
import type { GatheredProcess } from '../look/gathered.ts';

export type Status = ReadonlyMap<string, string>;

/** Values by name, without the blanks around them. */
export function parseStatus(text: string | undefined): Status {
  const lines = (text ?? '').split('\n').map((line) => /^(\w+):\s*(.*?)\s*$/.exec(line));
  return new Map(lines.flatMap((line) => (line === null ? [] : [[line[1] ?? '', line[2] ?? ''] as const])));
}

/** The whole numbers of a value: `Uid:` has four, `NSpid:` one for each PID namespace from the node's inwards. */
export function statusNumbers(status: Status, name: string): readonly number[] {
  const words = (status.get(name) ?? '').split(/\s+/);
  return words.filter((word) => /^\d{1,15}$/.test(word)).map(Number);
}

/**
 * How the container counts a process or a thread. `depth` is the number of PID namespaces from the node's to the
 * container's: 2 in most pods, 1 with hostPID.
 */
export function containerNumber(status: Status, depth: number): number | undefined {
  return statusNumbers(status, 'NSpid')[depth - 1];
}

/** The depth of the PID namespace that the container's first process lives in. */
export function pidNamespaceDepth(first: Pick<GatheredProcess, 'files'> | undefined): number {
  return Math.max(1, statusNumbers(parseStatus(first?.files.status), 'NSpid').length);
}
