import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe } from 'vitest';
import { type Comparison, itSaysWhatProcSaid } from './support/proc-comparison.ts';
import { runProgram } from './support/run-program.ts';

const folder = path.resolve(import.meta.dirname, '../fixtures');

describe.each(readdirSync(folder).sort())('what inspect says of %s is what /proc said', (fixture) => {
  let comparison: Comparison;

  beforeAll(async () => {
    const archive =
      readdirSync(path.join(folder, fixture)).find((name) => name.startsWith('checkpoint.tar')) ?? '';
    const { stdout } = await runProgram(['inspect', '--all', '--json', path.join(folder, fixture, archive)]);
    const facts = JSON.parse(readFileSync(path.join(folder, fixture, 'oracle/proc.json'), 'utf8'));
    comparison = { facts, inspection: JSON.parse(stdout)[0] };
  });

  itSaysWhatProcSaid(() => comparison);
});
