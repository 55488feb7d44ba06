import { expect, it } from 'vitest';
import { runProgram } from '../../test/support/run-program.ts';
import { ExitCode } from './io.ts';

it.each([
  ['--fix where nobody can be asked', ['--fix'], 'add --yes'],
  ['--yes alone', ['--yes'], '--yes goes with --fix'],
  ['--undo with --fix', ['--undo', '--fix', '--yes'], '--undo goes with no other'],
  ['--undo as JSON', ['--undo', '--json'], '--undo goes with no other'],
])('refuses %s', async (_, options, message) => {
  const { code, stdout, stderr } = await runProgram(['doctor', ...options]);
  expect({ code, stdout }).toEqual({ code: ExitCode.usage, stdout: '' });
  expect(stderr).toContain(message);
});
