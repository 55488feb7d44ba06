/** Freezes the control group of a process, says so, and holds it until this program ends, or thaws it when told on its input. */
import { freezeContainer } from '../../../src/capture/live/freeze/freeze-container.ts';

const [pid = '', maxFreeze = ''] = process.argv.slice(2);
console.log('starting');
const container = await freezeContainer({ pids: [Number(pid)], maxFreeze: Number(maxFreeze) });
console.log('frozen');
process.stdin.once('data', async () => {
  const { lost } = await container.thaw();
  console.log(lost?.code ?? 'whole');
  process.exit(0);
});
