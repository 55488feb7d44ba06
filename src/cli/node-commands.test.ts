import { describe, expect, test } from 'vitest';
import { runProgram } from '../../test/support/run-program.ts';
import { preflightLines, warningLines } from './views/preflight.ts';

describe.each(['preflight', 'thaw'])('exhibit %s', (command) => {
  test.each([
    ['a name of four parts', ['shop/web/a/b'], /more than three parts/],
    ['no name', [], /missing required argument 'pod'/],
    ['two containers', ['shop/web/a', '-c', 'b'], /names the container a, the option names b/],
  ])('%s is a usage error', async (_what, argv, message) => {
    const { code, stderr } = await runProgram([command, ...argv]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('a kubeconfig that is not there is told', async () => {
    const { code, stderr } = await runProgram([command, 'shop/web/app', '--kubeconfig', '/nowhere/config']);
    expect(code).toBe(1);
    expect(stderr).toContain('/nowhere/config');
  });

  test('tells what it does by --help, with examples', async () => {
    const { code, stdout } = await runProgram([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`exhibit ${command} shop/web/app`);
  });
});

const report = {
  namespace: 'shop',
  pod: 'web',
  container: 'app',
  verdict: 'refusal',
  processes: 2,
  memory: 4096,
  obstacles: [
    {
      id: 'file-lock',
      certainty: 'refusal',
      what: 'a lock',
      evidence: ['process 7 (\x1b[2Japp), descriptor 3: /data/\u202edb'],
      cure: ['echo file-locks'],
    },
    { id: 'sleep', certainty: 'likely', what: 'it ends', evidence: ['process 8'], cure: ['none'] },
  ],
  gaps: ['process 9 cannot be read'],
} as const;

test('what the container calls itself does not reach the terminal as it is', () => {
  expect(preflightLines(report)).toBe(
    [
      'shop/web/app: a checkpoint would fail (processes looked at: 2)',
      'FAILS    a lock',
      '         seen: process 7 (\\x1b[2Japp), descriptor 3: /data/\\u{202e}db',
      '         cure: echo file-locks',
      'likely   it ends',
      '         seen: process 8',
      '         cure: none',
      'unseen   process 9 cannot be read',
      'else     "exhibit capture --via node" captures it as it is, without CRIU; nothing can be restored from that',
      '',
    ].join('\n'),
  );
});

test('before a capture that goes on, only what is uncertain is told: the rest is the error', () => {
  const told = warningLines(report);
  expect(told).toMatch(/^likely +it ends\n/);
  expect(told).toContain('note: preflight: process 9 cannot be read');
  expect(told).not.toContain('a lock');
});
