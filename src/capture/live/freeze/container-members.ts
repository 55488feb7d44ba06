/** Whether the processes in a control group are a container's, and in which order they are told. */
import path from 'node:path';
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { readLink, readText } from '../look/proc-reader.ts';
import { parseStatus, statusNumbers } from '../proc/status.ts';

/** No chain of parents is longer than there are numbers for processes. */
const MAX_GENERATIONS = 4096;

/**
 * Throws `FREEZE_REFUSED` when one of `members` is not of the container whose processes `known` are: neither one of them,
 * nor descended from one, nor in a mount or PID namespace of theirs that is neither the node's nor this program's. Freezing this very program
 * would be worst of all.
 */
export function refuseOutsiders(members: readonly number[], known: readonly number[], root = '/'): void {
  const own = ancestors(process.pid, '/');
  const ours = members.find((pid) => own.includes(pid));
  const isNear = nearness(known, root);
  const outsider = ours ?? members.find((pid) => !isNear(pid) && parentOf(pid, root) !== undefined);
  if (outsider === undefined) return;
  const name = parseStatus(readText(procFile(root, outsider, 'status'))).get('Name') ?? '';
  const what = ours === undefined ? 'is not of the container' : 'runs this program';
  const message = `the container's control group holds process ${outsider} (${name}), which ${what}: it was not frozen`;
  throw new ExhibitError('FREEZE_REFUSED', `${message}; --no-freeze copies the container as it runs`);
}

function nearness(known: readonly number[], root: string): (pid: number) => boolean {
  const numbers = new Set(known);
  const ofNode = new Set([...namespaces(1, root), ...namespaces(process.pid, root)]);
  const shared = new Set(known.flatMap((pid) => namespaces(pid, root)).filter((each) => !ofNode.has(each)));
  return (pid) =>
    [pid, ...ancestors(pid, root)].some((each) => numbers.has(each)) ||
    namespaces(pid, root).some((each) => shared.has(each));
}

const procFile = (root: string, pid: number, name: string): string => path.join(root, 'proc', `${pid}`, name);

function namespaces(pid: number, root: string): readonly string[] {
  return ['ns/mnt', 'ns/pid'].flatMap((name) => readLink(procFile(root, pid, name))?.link ?? []);
}

/** The process and its parents, nearest first, without the first process of all. */
function ancestors(pid: number, root: string): readonly number[] {
  const chain: number[] = [];
  let each: number | undefined = pid;
  while (each !== undefined && each > 1 && chain.length < MAX_GENERATIONS) {
    chain.push(each);
    each = parentOf(each, root);
  }
  return chain;
}

/** Undefined for a process that has ended. */
function parentOf(pid: number, root: string): number | undefined {
  return statusNumbers(parseStatus(readText(procFile(root, pid, 'status'))), 'PPid')[0];
}

/**
 * The container's first process first: the one that its PID namespace counts as 1, or else the lowest whose parent is
 * outside. The others in ascending order.
 */
export function firstProcessFirst(pids: readonly number[], root = '/'): readonly number[] {
  const statuses = new Map(pids.map((pid) => [pid, parseStatus(readText(procFile(root, pid, 'status')))]));
  const number = (pid: number, name: string) => statusNumbers(statuses.get(pid) ?? new Map(), name);
  const first =
    pids.find((pid) => number(pid, 'NSpid').length > 1 && number(pid, 'NSpid').at(-1) === 1) ??
    pids.find((pid) => !statuses.has(number(pid, 'PPid')[0] ?? 0));
  return first === undefined ? pids : [first, ...pids.filter((pid) => pid !== first)];
}
