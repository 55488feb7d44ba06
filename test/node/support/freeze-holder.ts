/** Freezes the control group of a process, says so, and holds it until this program ends, or thaws it when told on its input. */
import { once } from 'node:events';
import { freezeContainer } from '../../../src/capture/live/freeze/freeze-container.ts';

const [pid = '', maxFreeze = '', prepare = ''] = process.argv.slice(2);
console.log('starting');
const container = await freezeContainer({
  pids: [Number(pid)],
  maxFreeze: Number(maxFreeze),
  prepare: prepare === 'prepare-for-ever' ? () => once(process.stdin, 'end').then() : undefined,
});
console.log('frozen');
process.stdin.once('data', async () => {
  const { lost } = await container.thaw();
  console.log(lost?.code ?? 'whole');
  process.exit(0);
});
