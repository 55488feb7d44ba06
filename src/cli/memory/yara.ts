import type { MemoryFilter } from '../../analysis/memory-selection.ts';
import { matchRules } from '../../analysis/yara/match-rules.ts';
import type { RuleEngine } from '../../analysis/yara/rule-engine.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { renderRuleHit } from '../views/memory-rules.ts';
import { type Outside, printHits } from './print-hits.ts';

/** Prints the rules that match, with where and why, as they are found. */
export async function printRuleHits(
  checkpoint: Checkpoint,
  engine: RuleEngine,
  filter: MemoryFilter,
  limit: number | undefined,
  outside: Outside,
): Promise<void> {
  const { io, output } = outside;
  const color = io.color && output.isTerminal;
  await printHits({
    checkpoint,
    filter,
    start: (scan) => matchRules(checkpoint, engine, { ...scan, filter }),
    render: (hit) => renderRuleHit(hit, color),
    limit,
    nouns: ['rule match', 'rule matches'],
    outside,
  });
}
