/** `npm run testbed -- up | down | status | shell`: a real node for a person to try things on. */
import { spawnSync } from 'node:child_process';
import { openNode, startNode, type TestNode } from './node.ts';
import { isAlive } from './process.ts';
import { printProgress } from './progress.ts';
import { clearLeftovers, end, isReady, type NodeState, nodeStates } from './state.ts';
import { namespace, SHOP, web } from './workloads/pods.ts';

const USAGE = `usage: npm run testbed -- COMMAND
  up            start a node with a pod to capture (the first time, its parts are built: about 6 minutes)
  status        the nodes that run
  shell [ID]    a root shell on a node
  down [ID...]  end these nodes; without ID, all that 'up' started`;

const COMMANDS: Readonly<Record<string, (ids: readonly string[]) => Promise<number>>> = {
  up,
  status,
  shell,
  down,
};

async function up(): Promise<number> {
  const progress = printProgress();
  const node = await startNode({ detached: true, progress });
  await progress.step('starting pod shop/web', async () => {
    await node.apply(namespace(SHOP), web);
    await node.waitRunning(SHOP, 'web');
  });
  console.log(describe(node));
  return 0;
}

function describe({ id, pid, credentials }: TestNode): string {
  return `node ${id} is up (first process: ${pid})
  a root shell on it      npm run testbed -- shell ${id}
  our command line there  exhibit capture shop/web --via kubelet --cacert ${credentials.ca} \\
                            --cert ${credentials.admin.certificate} --key ${credentials.admin.key}
  as a responder elsewhere  nsenter -t ${pid} -n kubectl --kubeconfig ${credentials.admin.kubeconfig} get pods -A
  one who may do nothing  --kubeconfig ${credentials.investigator.kubeconfig}
  end it                  npm run testbed -- down ${id}`;
}

async function status(): Promise<number> {
  const states = nodeStates();
  for (const state of states) {
    const owner = state.detached ? "by 'up'" : `by process ${state.owner?.pid}, and ends with it`;
    const condition = isReady(state) ? `runs as process ${state.init?.pid}` : 'is starting';
    console.log(`node ${state.id} ${condition}, started ${owner}`);
  }
  if (states.length === 0) console.log('no node runs');
  return 0;
}

async function shell(ids: readonly string[]): Promise<number> {
  const state = chosen(ids).at(-1);
  if (!state) return failed("no node runs: 'npm run testbed -- up' starts one");
  const node = openNode(state.id);
  const env = ['env', `KUBECONFIG=${node.credentials.admin.kubeconfig}`, 'PS1=node:\\w# '];
  const [file = '', ...args] = node.command([...env, 'bash', '--norc']);
  const environment = { ...node.environment, TERM: process.env.TERM ?? 'dumb' };
  return spawnSync(file, args, { stdio: 'inherit', env: environment }).status ?? 1;
}

async function down(ids: readonly string[]): Promise<number> {
  const states = chosen(ids).filter(({ detached, id }) => detached || ids.includes(id));
  for (const state of states) {
    await end(state);
    console.log(`node ${state.id} has ended`);
  }
  if (states.length === 0) console.log('no node runs');
  return 0;
}

function chosen(ids: readonly string[]): NodeState[] {
  const running = nodeStates().filter(({ init }) => isAlive(init));
  return ids.length === 0 ? running : running.filter(({ id }) => ids.includes(id));
}

function failed(message: string): number {
  console.error(message);
  return 1;
}

async function main([name = '', ...ids]: readonly string[]): Promise<number> {
  const command = COMMANDS[name];
  if (!command) return failed(USAGE);
  if (process.getuid?.() !== 0) return failed('the testbed needs root: it makes namespaces and mounts');
  await clearLeftovers();
  return command(ids);
}

process.exitCode = await main(process.argv.slice(2));
