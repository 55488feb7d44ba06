import type { GatheredContainer } from '../look/gathered.ts';
import { parseStat } from '../proc/stat.ts';

/** The threads of a container that have registers: one that has ended and was not waited for cannot be traced. */
export function tracedThreads({ processes }: Pick<GatheredContainer, 'processes'>): readonly number[] {
  const threads = processes.flatMap((process) => process.threads);
  return threads.filter(({ files }) => !/[ZX]/.test(parseStat(files.stat).state)).map(({ tid }) => tid);
}
