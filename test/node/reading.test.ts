import { beforeAll, describe, expect, it } from 'vitest';
import { waitLog } from '../../testbed/node.ts';
import { taskPid } from '../../testbed/recording/fixtures.ts';
import { procFacts } from '../../testbed/recording/proc-facts.ts';
import { namespace, SHOP, web, zoo } from '../../testbed/workloads/pods.ts';
import { type Comparison, itSaysWhatProcSaid } from '../support/proc-comparison.ts';
import { listContainers } from './support/cri.ts';
import { useNode } from './support/use-node.ts';

const getNode = useNode();
const captures = new Map<string, Comparison>();

async function capture(pod: string, container: string): Promise<Comparison> {
  const node = getNode();
  const facts = procFacts(node, await taskPid(node, pod, container));
  const archive = await node.checkpoint(SHOP, pod, container);
  const { code, stdout, stderr } = await node.exhibit(['inspect', '--all', '--json', archive]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [inspection] = JSON.parse(stdout);
  return { facts, inspection };
}

function captured(name: string): Comparison {
  const found = captures.get(name);
  if (!found) throw new Error(`${name} was not captured`);
  return found;
}

beforeAll(async () => {
  const node = getNode();
  node.setRuncOptions('file-locks');
  await node.apply(namespace(SHOP), zoo, web);
  await node.waitRunning(SHOP, 'zoo');
  await node.waitRunning(SHOP, 'web');
  await waitLog(node, SHOP, 'zoo', 'zoo', 'ready');
  captures.set('zoo', await capture('zoo', 'zoo'));
  captures.set('web', await capture('web', 'app'));
});

describe.each(['zoo', 'web'])('what inspect says of %s is what /proc said', (name) => {
  itSaysWhatProcSaid(() => captured(name));
});

it('says of a container what the API server says', async () => {
  const node = getNode();
  const pod = JSON.parse(await node.kubectl(['get', 'pod', '-n', SHOP, 'web', '-o', 'json']));
  const status = pod.status.containerStatuses.find((each: { name: string }) => each.name === 'app');
  const { inspection } = captured('web');
  expect(inspection).toMatchObject({
    container_name: 'app',
    id: status.containerID.replace('containerd://', ''),
    image: status.image,
    engine: 'containerd',
    pod: { name: 'web', namespace: SHOP, uid: pod.metadata.uid },
  });
});

it('says of a container what the runtime says over CRI', async () => {
  const containers = await listContainers(getNode().hostPath('/run/containerd/containerd.sock'));
  const { inspection } = captured('zoo');
  const container = containers.find(({ id }) => id === inspection.id);
  expect(container?.state).toBe('CONTAINER_RUNNING');
  expect(inspection.container_name).toBe(container?.metadata.name);
  expect(inspection.image_id).toBe(container?.image_ref);
  const created = Number((container?.created_at ?? 0n) / 1_000_000n);
  expect(Math.abs(Date.parse(inspection.created_at ?? '') - created)).toBeLessThan(1000);
});
