/** /proc/PID/limits: a line for each limit, with soft and hard value; in the order of RLIMIT_* (getrlimit(2)). */
import type { MessageOf } from '../../../criu/schema.ts';
import type { rlimitEntry } from '../../../criu/schemas/process.ts';

const NAMES = [
  ...['cpu time', 'file size', 'data size', 'stack size', 'core file size', 'resident set', 'processes'],
  ...['open files', 'locked memory', 'address space', 'file locks', 'pending signals', 'msgqueue size'],
  ...['nice priority', 'realtime priority', 'realtime timeout'],
];

const LINE = /^Max (.+?) {2,}(unlimited|\d{1,20}) +(unlimited|\d{1,20})/;
const INFINITY = (1n << 64n) - 1n;

/** All limits, or none where the kernel's list is not complete. */
export function parseLimits(text: string | undefined): readonly MessageOf<typeof rlimitEntry>[] {
  const lines = (text ?? '').split('\n').flatMap((line) => [LINE.exec(line) ?? []]);
  const known = new Map(lines.map(([, name, cur, max]) => [name, { cur: limit(cur), max: limit(max) }]));
  const limits = NAMES.flatMap((name) => known.get(name) ?? []);
  return limits.length === NAMES.length ? limits : [];
}

const limit = (word = '0'): bigint => (word === 'unlimited' ? INFINITY : BigInt.asUintN(64, BigInt(word)));
