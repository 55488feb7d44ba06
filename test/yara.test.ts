import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RuleHit } from '../src/analysis/yara/match-rules.ts';
import { runProgram } from './support/run-program.ts';

const COMPROMISED = 'fixtures/containerd-compromised/checkpoint.tar';
const GOLDEN = path.join(import.meta.dirname, 'golden/yara');
const RULES = path.join(GOLDEN, 'rules.yar');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'exhibit-yara-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function rulesFile(text: string): Promise<string> {
  const file = path.join(folder, 'rules.yar');
  await writeFile(file, text);
  return file;
}

const yara = (rules: string, ...args: readonly string[]) =>
  runProgram(['memory', '--yara', rules, ...args, COMPROMISED]);

async function hitsOf(rules: string): Promise<readonly RuleHit[]> {
  const { stdout } = await yara(rules, '--json');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('exhibit memory --yara', () => {
  it('finds what YARA finds in each region', async () => {
    const theirs = (await readFile(path.join(GOLDEN, 'containerd-compromised.txt'), 'utf8'))
      .trimEnd()
      .split('\n');
    const ours = (await hitsOf(RULES)).flatMap(({ pid, rule, region, matches, shared_with: others }) => {
      const [first] = matches;
      return [
        `${pid} ${rule} ${region.start}`,
        ...matches.map(({ address, pattern }) => `${pid} ${rule} ${address} ${pattern}`),
        ...others.map((other) => `${other.pid} ${rule} ${other.address} ${first?.pattern ?? ''}`.trimEnd()),
      ];
    });
    expect([...new Set(ours)].sort()).toEqual([...new Set(theirs)].sort());
  });

  it('shows rules with what they say of themselves, and each match with its place', async () => {
    const { code, stdout, stderr } = await yara(RULES, '--pid', '1');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^aws_access_key \[secret\]: an access key of AWS {2}1 \(httpd\) {2}0x[\da-f]+-[\da-f]+ {2}rw-p \[stack\]$/m,
    );
    expect(stdout).toMatch(
      /^ {4}0x7ff[\da-f]+ {2}\$key {2}AKIAIOSFODNN7EXAMPLE {2}checkpoint\/pages-1\.img\+0x[\da-f]+ \(archive byte \d+\)$/m,
    );
    expect(stderr).toMatch(/\d+ rule matches in .* of memory of 1 process/);
  });

  it('prints nothing of rules or memory that could be a control sequence', async () => {
    const rules = await rulesFile(
      'rule r { meta: description = "\\x1b[2J" strings: $any = /[\\x00-\\x1f\\x80-\\xff]{40}/ condition: $any }',
    );
    const { stdout } = await yara(rules, '--limit', '5');
    expect(stdout).not.toMatch(/[^\n\x20-\x7e\u00a1-\uffff]/);
    expect(stdout.length).toBeGreaterThan(200);
  });

  it('shows ten matches of a rule and counts the rest', async () => {
    const rules = await rulesFile('rule r { strings: $zeros = { 00 00 00 00 } condition: $zeros }');
    const { stdout } = await yara(rules, '--limit', '1');
    expect(stdout.trimEnd().split('\n')).toHaveLength(12);
    expect(stdout).toMatch(/^ {4}and \d+ matches more; --json shows them$/m);
  });

  it('says what is wrong with rules', async () => {
    const { code, stdout, stderr } = await yara(await rulesFile('rule broken {\n  condition: nothing\n}'));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/holds no valid rules: .*unknown identifier `nothing`/);
    expect(stderr).toMatch(/line:2/);
    expect((await yara(path.join(folder, 'none.yar'))).stderr).toMatch(/there is no file/);
  });
});
