import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findingsOf, type NodeVerdict } from './node-verdict.ts';

const about = { id: 'runtime', title: 'Container runtime' };
const verdict = (node: string, evidence: string): NodeVerdict => ({
  node,
  status: 'ok',
  evidence,
  cure: [],
});

test('nodes of which the same is said are one finding', () => {
  expect(findingsOf(about, [verdict('a', 'x'), verdict('b', 'y'), verdict('c', 'x')])).toEqual([
    { ...about, status: 'ok', evidence: 'x (nodes a, c)', cure: [], nodes: ['a', 'c'] },
    { ...about, status: 'ok', evidence: 'y (node b)', cure: [], nodes: ['b'] },
  ]);
});

test('a long list of names is cut in the sentence, not in the data', () => {
  const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
  const [finding] = findingsOf(
    about,
    names.map((name) => verdict(name, 'x')),
  );
  expect(finding?.evidence).toBe('x (nodes n0, n1, n2, n3, n4, n5, n6, n7 and 92 more)');
  expect(finding?.nodes).toEqual(names);
});

test('every node is in one finding, and in the one that says what was said of it', () => {
  const verdicts = fc.array(fc.record({ node: fc.uuid(), evidence: fc.constantFrom('x', 'y', 'z') }));
  fc.assert(
    fc.property(verdicts, (list) => {
      const given = list.map(({ node, evidence }) => verdict(node, evidence));
      const findings = findingsOf(about, given);
      expect(findings.flatMap(({ nodes = [] }) => nodes)).toHaveLength(given.length);
      for (const { node, evidence } of given) {
        const told = findings.filter(({ nodes }) => nodes?.includes(node));
        expect(told.map((finding) => finding.evidence[0])).toContain(evidence);
      }
    }),
  );
});
