/** What the programs that know CRIU's images, and the kernel, say of a container that was captured without CRIU. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import type { InspectedProcess, Inspection } from '../../src/export/inspection.ts';
import { waitLog } from '../../testbed/node.ts';
import { succeeded } from '../../testbed/process.ts';
import { taskPid } from '../../testbed/recording/fixtures.ts';
import { procFacts } from '../../testbed/recording/proc-facts.ts';
import { namespace, SHOP, web, zoo } from '../../testbed/workloads/pods.ts';
import { type Comparison, itSaysWhatProcSaid } from '../support/proc-comparison.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();
const FOLDER = '/tmp/unpacked';
let archive: string;
let comparison: Comparison;

async function sh(script: string): Promise<string> {
  const argv = ['sh', '-euc', script];
  return succeeded(argv, await node().exec(argv));
}

beforeAll(async () => {
  await node().apply(namespace(SHOP), zoo, web);
  await node().waitRunning(SHOP, 'web');
  await node().waitRunning(SHOP, 'zoo');
  await waitLog(node(), SHOP, 'zoo', 'zoo', 'ready');
  const facts = procFacts(node(), await taskPid(node(), 'zoo', 'zoo'));
  const taken = await node().exhibit(['capture', 'shop/zoo', '--via', 'node', '--json']);
  archive = (JSON.parse(taken.stdout) as CaptureReport).archive.path;
  const { code, stdout, stderr } = await node().exhibit(['inspect', '--all', '--json', archive]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [inspection] = JSON.parse(stdout) as [Inspection];
  comparison = { facts, inspection: withoutDifferences(inspection, facts) };
  await sh(`mkdir ${FOLDER} && tar -xf ${archive} -C ${FOLDER}`);
});

/** What is told in another way than of CRIU's captures: taken out of the comparison, for the reasons given. */
function withoutDifferences(inspection: Inspection, facts: Comparison['facts']): Inspection {
  joinVvar(inspection.process_tree);
  for (const { pid, open_files } of inspection.file_descriptors ?? []) {
    const known = facts.processes.find((process) => process.pid === pid)?.descriptors ?? [];
    for (const file of open_files as unknown as { type: string; target: string; number?: number }[]) {
      const link = known.find(({ fd }) => fd === file.number)?.link ?? '';
      // No table of the kernel has a socket that is bound to nothing; the record has its descriptor.
      if (file.type === 'UND' && link.startsWith('socket:')) file.target = link;
    }
  }
  return inspection;
}

/** CRIU makes one mapping of the kernel's two for vvar. */
function joinVvar(process: InspectedProcess | undefined): void {
  const maps = process?.memory_maps as unknown as { start: string; end: string; name: string }[] | undefined;
  const second = maps?.findIndex(({ name }, at) => name === '[vvar]' && maps[at - 1]?.name === name) ?? -1;
  const [first, next] = [maps?.[second - 1], maps?.[second]];
  if (first !== undefined && next !== undefined) {
    first.end = next.end;
    maps?.splice(second, 1);
  }
  process?.children?.forEach(joinVvar);
}

interface ProcessTree {
  readonly pid: number;
  readonly command: string;
  readonly children?: readonly ProcessTree[];
}

describe('what inspect says is what /proc said', () => {
  itSaysWhatProcSaid(() => comparison);
});

it('crit decodes each image to what decode says', async () => {
  const images = (await sh(`cd ${FOLDER}/checkpoint && ls *.img`)).trim().split('\n');
  const raw = /^(pages|tmpfs|ifaddr|route|rule)/;
  const framed = images.filter((name) => !raw.test(name));
  expect(framed.length).toBeGreaterThan(30);
  for (const name of framed) {
    const theirs = JSON.parse(await sh(`crit decode -i ${FOLDER}/checkpoint/${name}`));
    const { code, stdout } = await node().exhibit(['decode', archive, name]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout), name).toEqual(theirs);
  }
});

it('checkpointctl shows the processes that inspect shows', async () => {
  // Not of the zoo: it gives up on a zombie, which has no memory, in CRIU's archives too.
  const taken = await node().exhibit(['capture', 'shop/web/app', '--via', 'node', '--json']);
  const { path } = (JSON.parse(taken.stdout) as CaptureReport).archive;
  const [theirs] = JSON.parse(await sh(`checkpointctl inspect --all --format json ${path}`));
  const { stdout } = await node().exhibit(['inspect', '--all', '--json', path]);
  const [ours] = JSON.parse(stdout);
  const { process_tree, mounts, ...told } = theirs;
  const shown = ours.mounts.slice(0, mounts.length);
  expect({ ...ours, mounts: shown }).toMatchObject({ ...told, mounts });
  const tree = ({ pid, command, children = [] }: ProcessTree): object => {
    return { pid, command, children: [...children].sort((a, b) => a.pid - b.pid).map(tree) };
  };
  expect(tree(ours.process_tree)).toEqual(tree(process_tree));
});
