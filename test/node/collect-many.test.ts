import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { InventoryItem } from '../../src/capture/collect/inventory.ts';
import type { CollectedArchive } from '../../src/capture/collect/transfer.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const FOLDER = '/var/lib/kubelet/checkpoints';
const OLD = 'kept-by-hand.tar.gz';
const EU = 'shop-eu';

const node = useNode();
let folder = '';
let app = '';
let sidecar = '';
let european = '';

beforeAll(async () => {
  const counter = pods.pod(EU, 'web', [{ name: 'app', command: ['counter'] }]);
  await node().apply(pods.namespace(pods.SHOP), pods.namespace(EU), pods.namespace('forensics'));
  await node().apply(pods.web, counter);
  await node().waitRunning(pods.SHOP, 'web');
  await node().waitRunning(EU, 'web');
  app = await node().checkpoint(pods.SHOP, 'web', 'app');
  sidecar = await node().checkpoint(pods.SHOP, 'web', 'sidecar');
  european = await node().checkpoint(EU, 'web', 'app');
  writeFileSync(node().hostPath(`${FOLDER}/${OLD}`), 'an archive of somebody');
  // The order of what was written within one second is not told.
  const ages = [
    [`${FOLDER}/${OLD}`, 10 * 86_400],
    [app, 30],
    [sidecar, 20],
    [european, 10],
  ] as const;
  for (const [path, seconds] of ages) {
    const time = new Date(Date.now() - seconds * 1000);
    utimesSync(node().hostPath(path), time, time);
  }
  // What a hostile node could have there: none of it may reach a terminal, or lead out of the folder here.
  writeFileSync(node().hostPath(`${FOLDER}/\u001b[2Jx.tar`), '');
  writeFileSync(node().hostPath(`${FOLDER}/1 1 .\n7 7 .\\..tar`), '');
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-collect-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  const helpers = ['get', 'pods', '-n', 'forensics', '-o', 'name'];
  expect(await node().kubectl(helpers)).toBe('');
});

function exhibit(command: readonly string[], user: 'admin' | 'investigator' = 'admin') {
  const { kubeconfig } = node().credentials[user];
  const helper = [
    '--image',
    pods.WORKLOAD_IMAGE,
    '--image-pull-policy',
    'Never',
    '--helper-namespace',
    'forensics',
  ];
  return node().exhibitElsewhere([...command, ...helper, '--kubeconfig', kubeconfig]);
}

async function listed(): Promise<readonly InventoryItem[]> {
  const { code, stdout } = await exhibit(['list', '--nodes', '--json']);
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

async function collected(...argv: readonly string[]): Promise<readonly CollectedArchive[]> {
  const { code, stdout, stderr } = await exhibit(['collect', '--json', '-o', folder, ...argv]);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('exhibit:')]);
  return JSON.parse(stdout).collected;
}

async function chosen(...argv: readonly string[]): Promise<readonly string[]> {
  const { code, stdout } = await exhibit(['collect', '--dry-run', '--json', '-o', folder, ...argv]);
  expect([code, readdirSync(folder)]).toEqual([0, []]);
  return JSON.parse(stdout).chosen.map(({ path }: { readonly path: string }) => path);
}

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

test('lists what lies on the nodes, and leaves out names that are none', async () => {
  const items = await listed();
  expect(items.map(({ archive }) => archive)).toEqual([`${FOLDER}/${OLD}`, app, sidecar, european]);
  expect(items.at(-1)).toMatchObject({
    node: 'n1',
    pod: 'web',
    // The name alone could mean shop/web/eu-app: no such pod is there, and this one is.
    readings: [{ namespace: EU, container: 'app' }],
    archive_size: readFileSync(node().hostPath(european)).length,
  });
  const { stdout } = await exhibit(['list', '--nodes']);
  expect(stdout).toMatch(
    /n1 +shop +web +sidecar +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC +[\d.]+ KiB +\/var\/lib/,
  );
  expect(stdout).not.toContain('\u001b');
});

test('chooses by age, node and pod', async () => {
  expect(await chosen('--all')).toEqual([`${FOLDER}/${OLD}`, app, sidecar, european]);
  expect(await chosen('--all', '--older-than', '7d')).toEqual([`${FOLDER}/${OLD}`]);
  expect(await chosen('--all', '--newer-than', '7d', '--node', 'n1')).toEqual([app, sidecar, european]);
  expect(await chosen('--all', 'shop/web')).toEqual([app, sidecar]);
  expect(await chosen('shop/web')).toEqual([sidecar]);
});

test('collects all, and the second time finds all of them here', async () => {
  const archives = await collected('--all');
  expect(archives.map(({ path }) => path)).toEqual([`${FOLDER}/${OLD}`, app, sidecar, european]);
  for (const { path, file, sha256 } of archives) {
    expect(sha256).toBe(digest(node().hostPath(path)));
    expect(digest(file)).toBe(sha256);
  }
  expect(readdirSync(folder)).toHaveLength(4);
  const again = await collected('--all');
  expect(again.map(({ status }) => status)).toEqual(Array(4).fill('already-here'));
});

test('one archive that cannot be had does not keep the others from coming', async () => {
  const taken = join(folder, basename(app).replaceAll(':', '-'));
  writeFileSync(taken, 'mine');
  const { code, stdout, stderr } = await exhibit(['collect', '--all', '-o', folder]);
  expect(code).toBe(3);
  expect(stderr).toContain(`node n1, ${basename(app)}: ${taken} exists, is another file`);
  expect(stdout.match(/^sha256 /gm)).toHaveLength(3);
  expect(readFileSync(taken, 'utf8')).toBe('mine');
});

test('a node that is down is told, and the others are looked at', async () => {
  await node().apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n2' } });
  const { code, stdout, stderr } = await exhibit(['list', '--nodes', '--json']);
  await node().kubectl(['delete', 'node/n2']);
  expect(code).toBe(3);
  expect(stderr).toContain('node n2 is not ready');
  const items = JSON.parse(stdout);
  expect(items).toHaveLength(5);
  expect(items.at(-1)).toMatchObject({ node: 'n2', error: { code: 'HELPER_POD_FAILED' } });
});

test('says who may not list nodes, and what would allow it', async () => {
  const { code, stderr } = await exhibit(['list', '--nodes'], 'investigator');
  expect(code).toBe(1);
  expect(stderr).toContain('the user investigator may not list nodes (403)');
  expect(stderr).toMatch(/kubectl create clusterrole \S+ --verb=list --resource=nodes/);
});

test('of a pod that is gone, finds the archives on every node, and says what their names leave open', async () => {
  await node().remove(EU, 'web');
  const { code, stdout, stderr } = await exhibit(['collect', `${EU}/web`, '-o', folder]);
  expect(code).toBe(0);
  expect(stderr).toContain(`there is no pod ${EU}/web any more: looking for its archives on every node`);
  expect(stdout).toContain(basename(european).replaceAll(':', '-'));
  expect(stdout).toMatch(/^of {10}shop-eu\/web\/app$/m);
  const other = await exhibit(['collect', 'shop/web/eu-app', '--node', 'n1', '-o', folder]);
  expect(other.code).toBe(3);
  expect(other.stderr).toMatch(/is of shop-eu\/web\/app, not of shop\/web\/eu-app: its name can mean both/);
  const dry = await exhibit(['collect', `${EU}/web`, '--dry-run']);
  expect(dry.stderr).toMatch(/can be of shop\/web\/eu-app or shop-eu\/web\/app; "exhibit show" tells which/);
  expect((await listed()).at(-1)?.readings).toEqual([
    { namespace: 'shop', container: 'eu-app' },
    { namespace: EU, container: 'app' },
  ]);
  const table = await exhibit(['list', '--nodes']);
  expect(table.stdout).toMatch(/shop \| shop-eu +web +eu-app \| app/);
});

test('a capture from elsewhere gives the command that brings its archive here', async () => {
  const { kubeconfig } = node().credentials.admin;
  const capture = ['capture', 'shop/web/app', '--via', 'kubelet', '--kubeconfig', kubeconfig];
  const { stdout } = await node().exhibitElsewhere(capture);
  const [, words = ''] = /exhibit (collect --node n1 --path '\S+')/.exec(stdout) ?? [];
  const command = words.replaceAll("'", '').split(' ');
  const collection = await exhibit([...command, '-o', folder]);
  expect(collection).toMatchObject({ code: 0, stdout: expect.stringMatching(/^of {10}shop\/web\/app$/m) });
});
