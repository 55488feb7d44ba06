import type { Finding } from '../../capture/doctor/finding.ts';
import type { UndoOutcome } from '../../capture/doctor/treatment.ts';
import type { Io } from '../io.ts';
import { formatCount } from '../terminal/format.ts';
import { lineWidth, renderLine, styled, wrapLine } from '../terminal/line.ts';
import type { Style } from '../terminal/style.ts';

type Status = Finding['status'];

const STYLES: Readonly<Record<Status, Style>> = {
  ok: 'good',
  warning: 'odd',
  failure: 'alarm',
  unknown: 'structure',
};
const STATUS_WIDTH = Math.max(...Object.keys(STYLES).map((status) => status.length));
const GAP = '  ';
/** Commands begin here, however wide the columns are, and are not broken: they are to be copied. */
const CURE_INDENT = '    ';
/** Narrower than this, evidence is not wrapped: it would be a word a line. */
const MIN_EVIDENCE_WIDTH = 30;

/** Findings for a person: what was seen, and below it what to do. */
export function findingLines(findings: readonly Finding[], { columns, color }: Io): string {
  const titleWidth = Math.max(0, ...findings.map(({ title }) => lineWidth([title])));
  const indent = ' '.repeat(STATUS_WIDTH + GAP.length + titleWidth + GAP.length);
  const width = Math.max(MIN_EVIDENCE_WIDTH, columns - indent.length);
  const texts = findings.map(({ status, title, evidence, cure }) => {
    const lead = [
      styled(status, STYLES[status]),
      `${' '.repeat(STATUS_WIDTH - status.length)}${GAP}`,
      styled(title, 'name'),
      `${' '.repeat(titleWidth - lineWidth([title]))}${GAP}`,
    ];
    const [first = [], ...rest] = wrapLine([evidence], width);
    const lines = [[...lead, ...first], ...rest.map((line) => [indent, ...line])];
    const cures = cure.map((line) => [`${CURE_INDENT}${line}`]);
    return [...lines, ...cures].map((line) => `${renderLine(line, color).trimEnd()}\n`).join('');
  });
  return texts.join('');
}

/** What all findings come to, in one line. */
export function summaryLine(findings: readonly Finding[], where: 'node' | 'cluster' = 'node'): string {
  const count = (wanted: Status): number => findings.filter(({ status }) => status === wanted).length;
  const counts = [
    [count('failure'), formatCount(count('failure'), 'failure')],
    [count('warning'), formatCount(count('warning'), 'warning')],
    [count('unknown'), `${count('unknown')} unknown`],
    [count('ok'), `${count('ok')} ok`],
  ] as const;
  const told = counts.filter(([number]) => number > 0).map(([, text]) => text);
  const curable = findings.filter(({ fix = [] }) => fix.length > 0).length;
  const advice = curable === 0 ? '' : `; "exhibit doctor --fix" can cure ${curable} of them`;
  const text = seesNoNode(findings) ? NO_NODE : `${VERDICTS[where][worst(count)]}${advice}`;
  return `${told.join(', ')}: ${text}\n`;
}

const NO_NODE = 'neither kubelet nor container runtime was seen; run this on the node, as root';

const seesNoNode = (findings: readonly Finding[]): boolean =>
  ['kubelet', 'runtime'].every((id) => findings.some((it) => it.id === id && it.status === 'unknown'));

const VERDICTS: Readonly<Record<'node' | 'cluster', Readonly<Record<Status, string>>>> = {
  node: {
    failure: 'captures fail until the failures are cured',
    warning: 'captures of some containers fail, or harm the node',
    unknown: 'nothing seen that keeps containers from being captured, but not all could be seen',
    ok: 'nothing keeps containers from being captured',
  },
  cluster: {
    failure: 'captures on some nodes, or by this user, fail until the failures are cured',
    warning: 'this user can capture, but not in every way or not everywhere',
    unknown: 'nothing seen that keeps this user from capturing, but not all could be seen',
    ok: 'nothing seen from here keeps this user from capturing; what a node itself lacks, exhibit doctor on it says',
  },
};

const worst = (count: (status: Status) => number): Status =>
  (['failure', 'warning', 'unknown'] as const).find((status) => count(status) > 0) ?? 'ok';

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
