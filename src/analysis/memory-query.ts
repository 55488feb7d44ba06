import type { JobRunner } from '../checkpoint/scan/parallel-scan.ts';
import { type CompiledScanner, compileQuery, type SearchQuery } from './pattern.ts';
import { compileStringQuery, type StringQuery } from './strings/string-query.ts';

/** All that is looked for by scanners, as plain data: another thread compiles it for itself. */
export type MemoryQuery = SearchQuery | StringQuery;

/** Throws `BAD_PATTERN`. */
export function compileMemoryQuery(query: MemoryQuery): readonly CompiledScanner[] {
  return query.kind === 'strings' ? compileStringQuery(query) : compileQuery(query);
}

/** Threads that search. */
export interface SearchThreads {
  /** They are started when it gets its first job. */
  runner(query: MemoryQuery): JobRunner;
}
