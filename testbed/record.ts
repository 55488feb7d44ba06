/**
 * `npx tsx testbed/record.ts [FIXTURE...]` records fixtures anew into fixtures/, all if none is named.
 * `npx tsx testbed/record.ts --big MIB` makes one archive of a process that large, in the cache folder.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { startNode, type TestNode, waitLog } from './node.ts';
import { wantedKubernetes } from './parts.ts';
import { output } from './process.ts';
import { printProgress } from './progress.ts';
import { type Capture, FIXTURES, type Fixture } from './recording/fixtures.ts';
import { recordOracle, writeJson } from './recording/oracle.ts';
import { procFacts } from './recording/proc-facts.ts';
import { hoard, namespace, SHOP } from './workloads/pods.ts';

const FOLDER = join(import.meta.dirname, '..', 'fixtures');
const progress = printProgress();

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === '--big') return recordBig(Number(args[1] ?? 1024));
  const unknown = args.filter((name) => !FIXTURES.some((fixture) => fixture.name === name));
  if (unknown.length > 0)
    throw new Error(`no such fixture: ${unknown}; known: ${FIXTURES.map(({ name }) => name)}`);
  for (const fixture of FIXTURES) {
    if (args.length > 0 && !args.includes(fixture.name)) continue;
    // A node each: no fixture has traces of another.
    await withNode((node) => progress.step(`recording ${fixture.name}`, () => record(node, fixture)));
  }
}

async function withNode(work: (node: TestNode) => Promise<void>): Promise<void> {
  const node = await startNode({ progress });
  try {
    await work(node);
  } finally {
    await node.stop();
  }
}

async function record(node: TestNode, fixture: Fixture): Promise<void> {
  const folder = join(FOLDER, fixture.name);
  const { pid, capture } = await fixture.set(node);
  const facts = procFacts(node, pid);
  const captured = await capture();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'oracle'), { recursive: true });
  copyFileSync(node.hostPath(captured.archive), join(folder, fixture.file));
  writeJson(join(folder, 'oracle', 'proc.json'), facts);
  await recordOracle(node, captured.archive, join(folder, 'oracle'));
  writeFileSync(join(folder, 'recipe.md'), await recipe(node, fixture, captured));
}

async function recipe(node: TestNode, fixture: Fixture, { archive, command }: Capture): Promise<string> {
  const data = readFileSync(join(FOLDER, fixture.name, fixture.file));
  return `# ${fixture.name}

${fixture.about}

- Made by \`npx tsx testbed/record.ts ${fixture.name}\`: the workload is in \`testbed/recording/fixtures.ts\`.
- Captured with \`${command}\`
- The engine called it \`${basename(archive)}\`; ${data.length} bytes, SHA-256 \`${createHash('sha256').update(data).digest('hex')}\`.
- oracle/: \`crit decode\` of each CRIU image, \`checkpointctl inspect --all\`, and proc.json: /proc of the live processes right before the capture.
${(await versions(node)).map((line) => `- ${line}`).join('\n')}
`;
}

async function versions(node: TestNode): Promise<string[]> {
  const script = `dpkg-query -W -f '\${Package} \${Version}\\n' criu runc containerd podman conmon checkpointctl python3-pycriu`;
  const packages = (await node.exec(['sh', '-c', script])).stdout.trim().split('\n');
  return [
    `Kernel ${(await output(['uname', '-r'])).trim()}`,
    `Kubernetes ${wantedKubernetes()}`,
    ...packages,
  ];
}

async function recordBig(mebibytes: number): Promise<void> {
  const target = join(cacheFolder(), `hoard-${mebibytes}.tar`);
  await withNode(async (node) => {
    await node.apply(namespace(SHOP), hoard(mebibytes));
    await node.waitRunning(SHOP, 'hoard');
    await waitLog(node, SHOP, 'hoard', 'hoard', 'MiB at');
    const archive = await progress.step('checkpoint', () => node.checkpoint(SHOP, 'hoard', 'hoard'));
    copyFileSync(node.hostPath(archive), target);
  });
  console.log(`${target}: ${statSync(target).size} bytes`);
}

await main(process.argv.slice(2));
