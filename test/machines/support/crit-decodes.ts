/** What crit, of the testbed's node, says of an archive's images. */
import { copyFileSync } from 'node:fs';
import { startNode } from '../../../testbed/node.ts';
import { output, succeeded } from '../../../testbed/process.ts';
import { printProgress } from '../../../testbed/progress.ts';

/** Images in formats of others, which crit does not decode. */
const RAW = /^(pages|tmpfs|ifaddr|route|rule)/;
const FOLDER = '/tmp/decoded';

export async function critDecodes(archive: string): Promise<ReadonlyMap<string, unknown>> {
  const entries = (await output(['tar', '-tf', archive])).split('\n');
  const names = entries.flatMap((entry) => /^checkpoint\/(.*\.img)$/.exec(entry)?.[1] ?? []);
  const node = await startNode({ progress: printProgress() });
  try {
    copyFileSync(archive, node.hostPath(`${FOLDER}.tar`));
    const sh = async (script: string): Promise<string> => {
      const argv = ['sh', '-euc', script];
      return succeeded(argv, await node.exec(argv));
    };
    await sh(`mkdir ${FOLDER} && tar -xf ${FOLDER}.tar -C ${FOLDER}`);
    const decoded = new Map<string, unknown>();
    for (const name of names.filter((each) => !RAW.test(each)))
      decoded.set(name, JSON.parse(await sh(`crit decode -i ${FOLDER}/checkpoint/${name}`)));
    return decoded;
  } finally {
    await node.stop();
  }
}
