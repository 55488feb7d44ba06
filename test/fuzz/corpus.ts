/** Inputs that once went wrong, kept for good: corpus/TARGET/NUMBER. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { TargetName } from './targets.ts';

export const CORPUS = path.join(import.meta.dirname, 'corpus');

export function keptInputs(target: TargetName): readonly string[] {
  const folder = path.join(CORPUS, target);
  return existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name)) : [];
}
