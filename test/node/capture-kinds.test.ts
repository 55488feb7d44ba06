import { rmSync, writeFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import { until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const node = useNode();

const container = (name: string, more: object = {}) => ({
  name,
  command: ['counter'],
  image: pods.WORKLOAD_IMAGE,
  imagePullPolicy: 'Never',
  ...more,
});
const counting = (name: string) => pods.pod(pods.SHOP, name, [{ name: 'app', command: ['counter'] }]);
const withInit = (name: string, initContainer: object) => {
  const pod = counting(name);
  return { ...pod, spec: { ...pod.spec, initContainers: [initContainer] } };
};

beforeAll(async () => {
  await node().apply(pods.namespace(pods.SHOP));
});
beforeEach(() => node().setRuncOptions());

const status = (pod: string, path: string) =>
  node().kubectl(['get', 'pod', '-n', pods.SHOP, pod, '-o', `jsonpath={.${path}}`]);
const runs = (pod: string, statuses: string) =>
  until(`${statuses} of ${pod}`, async () => {
    return (await status(pod, `status.${statuses}[0].state.running.startedAt`)) || undefined;
  });

const toKubelet = () => {
  const { admin, ca } = node().credentials;
  return ['--cert', admin.certificate, '--key', admin.key, '--cacert', ca];
};
const toApi = () => ['--kubeconfig', node().credentials.admin.kubeconfig];

/** What was captured, and what its archive says it is of. */
async function capture(target: string, ...argv: readonly string[]) {
  const { code, stdout, stderr } = await node().exhibit(['capture', '--json', target, ...argv]);
  expect(stderr).not.toContain('exhibit:');
  expect(code).toBe(0);
  const report: CaptureReport = JSON.parse(stdout);
  expect(report.container_afterwards.verdict).toBe('running');
  const shown = await node().exhibit(['show', '--json', report.archive.path]);
  return { report, archive: JSON.parse(shown.stdout)[0] };
}

describe.each([
  ['the kubelet', toKubelet],
  ['the runtime', () => ['--via', 'cri']],
])('through %s', (_who, way) => {
  test('an init container while it runs, and it is told that the others do not yet', async () => {
    await node().apply(withInit('starting', container('setup')));
    await runs('starting', 'initContainerStatuses');
    const { report, archive } = await capture('shop/starting/setup', ...way());
    expect(report).toMatchObject({ container: 'setup', pod_uid: await status('starting', 'metadata.uid') });
    expect(archive.container_name).toBe('setup');
    const { code, stderr } = await node().exhibit(['capture', 'shop/starting/app', ...way()]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/(is not running \(waiting: PodInitializing\)|has no container app)/);
    expect(stderr).toMatch(/setup {2}\((init, )?running/);
  });

  test('a sidecar, and the container beside it', async () => {
    await node().apply(withInit('meshed', container('mesh', { restartPolicy: 'Always' })));
    await node().waitRunning(pods.SHOP, 'meshed');
    expect((await capture('shop/meshed/mesh', ...way())).archive.container_name).toBe('mesh');
    expect((await capture('shop/meshed/app', ...way())).archive.container_name).toBe('app');
  });

  test('an ephemeral container', async () => {
    await node().apply(counting('debugged'));
    await node().waitRunning(pods.SHOP, 'debugged');
    if ((await status('debugged', 'spec.ephemeralContainers')) === '') {
      const image = ['--image', pods.WORKLOAD_IMAGE, '--image-pull-policy=Never'];
      const debug = [
        'debug',
        '-n',
        pods.SHOP,
        'debugged',
        '--container=debug',
        '--profile=general',
        ...image,
      ];
      await node().kubectl([...debug, '--', 'counter']);
    }
    await runs('debugged', 'ephemeralContainerStatuses');
    expect((await capture('shop/debugged/debug', ...way())).archive.container_name).toBe('debug');
  });

  test('a static pod, which the node and the archive know by a UID of their own', async () => {
    const manifest = node().hostPath('/etc/kubernetes/manifests/static.json');
    const { nodeName, ...spec } = counting('static').spec;
    writeFileSync(manifest, JSON.stringify({ ...counting('static'), spec }));
    await until('its mirror', async () => (await status('static-n1', 'metadata.uid')) || undefined);
    await node().waitRunning(pods.SHOP, 'static-n1');
    const { report, archive } = await capture('shop/static-n1', ...way());
    expect(archive.pod).toMatchObject({ name: 'static-n1', uid: report.pod_uid });
    const fromApi = await capture('shop/static-n1', ...toApi());
    expect(fromApi.report.pod_uid).toBe(await status('static-n1', 'metadata.uid'));
    expect(fromApi.report.pod_uid).not.toBe(archive.pod.uid);
    expect(fromApi.report.notes.join()).toContain(`know it by the UID ${archive.pod.uid}`);
    rmSync(manifest);
    await until(
      'its end',
      async () => (await status('static-n1', 'metadata.uid').catch(() => '')) === '' || undefined,
    );
  });

  test('a pod with the name of an earlier one', async () => {
    await node().apply(counting('twin'));
    await node().waitRunning(pods.SHOP, 'twin');
    const earlier = await capture('shop/twin', ...way());
    await node().remove(pods.SHOP, 'twin');
    await node().apply(counting('twin'));
    await node().waitRunning(pods.SHOP, 'twin');
    const { report, archive } = await capture('shop/twin', ...way());
    expect(report.pod_uid).toBe(await status('twin', 'metadata.uid'));
    expect(report.pod_uid).not.toBe(earlier.report.pod_uid);
    expect([earlier.archive.pod.uid, archive.pod.uid]).toEqual([earlier.report.pod_uid, report.pod_uid]);
  });
});

test('without a name, the only container that is no sidecar: the runtime does not know which that is', async () => {
  await node().apply(withInit('meshed', container('mesh', { restartPolicy: 'Always' })));
  await node().waitRunning(pods.SHOP, 'meshed');
  expect((await capture('shop/meshed', ...toKubelet())).report.container).toBe('app');
  const { code, stderr } = await node().exhibit(['capture', 'shop/meshed', '--via', 'cri']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/has 2 containers: say which, as shop\/meshed\/CONTAINER\n {2}mesh .*\n {2}app /);
});

test('a pod that is replaced while it is captured is told, with both UIDs', async () => {
  const hoard = pods.hoard(256);
  await node().apply(hoard);
  await node().waitRunning(pods.SHOP, 'hoard');
  const before = await status('hoard', 'metadata.uid');
  const running = node().startExhibit(['capture', 'shop/hoard', '--no-inspect', ...toApi()]);
  let stderr = '';
  running.child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  await until('the capture to begin', async () => stderr.includes('stands still meanwhile') || undefined, {
    interval: 10,
  });
  await node().remove(pods.SHOP, 'hoard');
  await node().apply(hoard);
  const after = await status('hoard', 'metadata.uid');
  const { code, stdout } = await running.finished;
  expect(stderr).toContain(`capturing shop/hoard/hoard on node n1, pod UID ${before}`);
  expect(stdout + stderr).toContain(
    `another pod of that name has taken its place: UID ${before} before, ${after} now`,
  );
  expect(code).not.toBe(0);
});
