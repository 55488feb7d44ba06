/**
 * Label selectors as kubectl's `-l` takes them, for a kubelet's list of pods, which the kubelet does not filter.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
import { ExhibitError } from '../bytes/exhibit-error.ts';

export type Labels = Readonly<Record<string, string>>;
export type LabelSelector = (labels: Labels) => boolean;

const KEY = String.raw`[A-Za-z0-9][\w./-]*`;
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EQUALITY = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*([\\w.-]*)$`);
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);

/** `app=web,tier!=cache,zone in (a,b),!canary`: all of them have to hold. Throws `BAD_TARGET`. */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = splitOutsideParentheses(text).map(parseRequirement);
  return (labels) => requirements.every((requirement) => requirement(labels));
}

function splitOutsideParentheses(text: string): readonly string[] {
  return text.trim() === '' ? [] : text.split(/,(?![^(]*\))/);
}

function parseRequirement(text: string): LabelSelector {
  const requirement = text.trim();
  const [, setKey = '', operator, list = ''] = SET.exec(requirement) ?? [];
  if (operator !== undefined) {
    const values = new Set(list.split(',').map((value) => value.trim()));
    return (labels) => holds(labels, setKey, values) === (operator === 'in');
  }
  const [, key = '', relation, value = ''] = EQUALITY.exec(requirement) ?? [];
  if (relation !== undefined) return (labels) => holds(labels, key, new Set([value])) === (relation !== '!=');
  const [, not, existing = ''] = EXISTS.exec(requirement) ?? [];
  if (not !== undefined) return (labels) => Object.hasOwn(labels, existing) === (not === '');
  throw new ExhibitError('BAD_TARGET', `cannot read "${requirement}" as a label selector such as app=web`);
}

function holds(labels: Labels, key: string, values: ReadonlySet<string>): boolean {
  return Object.hasOwn(labels, key) && values.has(labels[key] ?? '');
}
