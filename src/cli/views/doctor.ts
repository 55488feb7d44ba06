import type { Finding } from '../../capture/doctor/finding.ts';
import type { UndoOutcome } from '../../capture/doctor/treatment.ts';
import { escapeText } from '../terminal/escape.ts';

/** A finding for a person: what was seen, and below it what to do. */
export function findingLines({ status, title, evidence, cure }: Finding): string {
  const lines = [`${status.padEnd(8)} ${title}: ${evidence}`, ...cure.map((line) => `           ${line}`)];
  return lines.map((line) => `${escapeText(line)}\n`).join('');
}

/** What came of taking one change back, in one line. */
export function undoLine({ path, outcome, kept }: UndoOutcome): string {
  switch (outcome) {
    case 'restored':
      return `restored  ${path}`;
    case 'unchanged':
      return `as it was ${path}`;
    case 'gone':
      return `gone      ${path}: its folder is not there any more`;
    case 'changed since': {
      const where = kept === undefined ? '' : `; what was there before lies in ${kept}`;
      return `LEFT      ${path}: somebody changed it since the cure${where}`;
    }
  }
}
