/** `npm run fuzz`: mutates inputs without end, keeps each that goes wrong in corpus/, and tells how to run it again. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runCases } from './campaign.ts';
import { CORPUS } from './corpus.ts';
import { TARGETS, type TargetName } from './targets.ts';

const USAGE = `npm run fuzz -- [TARGET…] [--from NUMBER] [--cases NUMBER]

Runs mutated inputs through ${Object.keys(TARGETS).join(', ')} (default: all, in turn), beginning with the case --from
(default: one that the clock chooses), until Ctrl-C, or --cases of each. An input that goes wrong is kept in test/fuzz/corpus/TARGET/,
where the tests run it from then on.`;

/** Cases of one target before it is the next one's turn. */
const BATCH = 2000;

/** Leaves room for the cases of a day before numbers lose their last digits. */
const NUMBERS = 2 ** 31;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { from: { type: 'string' }, cases: { type: 'string' }, help: { type: 'boolean' } },
});
const unknown = positionals.find((name) => !Object.hasOwn(TARGETS, name));
if (values.help || unknown !== undefined) {
  console.log(unknown === undefined ? USAGE : `no target ${unknown}\n\n${USAGE}`);
  process.exit(unknown === undefined ? 0 : 2);
}
const names = (positionals.length > 0 ? positionals : Object.keys(TARGETS)) as readonly TargetName[];
const from = Number(values.from ?? Date.now() % NUMBERS);
const limit = Number(values.cases ?? Number.POSITIVE_INFINITY);

for (let done = 0; done < limit; done += BATCH) {
  for (const name of names) await runBatch(name, from + done, Math.min(BATCH, limit - done));
}

async function runBatch(name: TargetName, first: number, count: number): Promise<void> {
  const { cases, problems } = await runCases(name, first, count);
  console.log(`${name}: cases ${first} to ${first + count - 1}, ${cases} run, ${problems.length} went wrong`);
  const target = await TARGETS[name]();
  for (const { case: id, problem } of problems) {
    const file = path.join(CORPUS, name, id);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, target.input(Number(id)));
    console.log(`${file}\n${problem}\n`);
    process.exitCode = 1;
  }
}
