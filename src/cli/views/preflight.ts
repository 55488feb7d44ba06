import type { Obstacle } from '../../capture/preflight/obstacle.ts';
import { describeObstacle, type PreflightReport } from '../../capture/preflight/preflight.ts';
import { formatTarget } from '../../capture/target.ts';
import { escapeText } from '../terminal/escape.ts';

const TITLES: Readonly<Record<Obstacle['certainty'], string>> = {
  refusal: 'FAILS',
  likely: 'likely',
  note: 'note',
};

const VERDICTS: Readonly<Record<PreflightReport['verdict'], string>> = {
  clear: 'nothing stands against a checkpoint',
  doubtful: 'a checkpoint may fail or do harm',
  refusal: 'a checkpoint would fail',
  unknown: 'unknown',
};

const COLUMN = 8;

/** The report for a person. */
export function preflightLines(report: PreflightReport): string {
  const looked = report.processes === 0 ? '' : ` (processes looked at: ${report.processes})`;
  return lines([
    `${formatTarget(report)}: ${VERDICTS[report.verdict]}${looked}`,
    ...report.obstacles.flatMap(obstacleLines),
    ...report.gaps.map((gap) => `${'unseen'.padEnd(COLUMN)} ${gap}`),
    ...(report.verdict === 'refusal' ? [WITHOUT_CRIU] : []),
  ]);
}

const WITHOUT_CRIU = `${'else'.padEnd(COLUMN)} "exhibit capture --via node" captures it as it is, without CRIU; nothing can be restored from that`;

/** What is told before a capture that goes on nevertheless. */
export function warningLines({ obstacles, gaps }: PreflightReport): string {
  const uncertain = obstacles.filter(({ certainty }) => certainty !== 'refusal');
  return lines([...uncertain.flatMap(obstacleLines), ...gaps.map((gap) => `note: preflight: ${gap}`)]);
}

function obstacleLines(obstacle: Obstacle): readonly string[] {
  const [what = '', ...rest] = describeObstacle(obstacle);
  const indent = ' '.repeat(COLUMN - 1);
  return [`${TITLES[obstacle.certainty].padEnd(COLUMN)} ${what}`, ...rest.map((line) => `${indent}${line}`)];
}

const lines = (texts: readonly string[]): string => texts.map((text) => `${escapeText(text)}\n`).join('');
