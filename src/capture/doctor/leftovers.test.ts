import path from 'node:path';
import { expect, it } from 'vitest';
import { CHECKPOINTS_FOLDER, checkpointPath, isUnfinished } from '../checkpoint-file.ts';
import { fakeProbe, type ProbedNode, processFiles } from '../testing/fake-probe.ts';
import { examineNode } from './examination.ts';

const DAY = 24 * 3600_000;
const part = (label: string, folder = CHECKPOINTS_FOLDER): string =>
  `${checkpointPath(label, new Date('2026-03-01T10:00:00.123Z'), folder)}.part`;
const KILLED = part('web_shop-app');
const RUNNING = part('db_shop-postgres');
const old = (size: number) => ({ size, modified: Date.now() - DAY });

async function examine(node: ProbedNode) {
  return (await examineNode(fakeProbe(node))).find(({ id }) => id === 'leftovers');
}

it('finds what killed captures left, and removes nothing that a capture holds or has just closed', async () => {
  const statuses = {
    [KILLED]: old(3 * 2 ** 30),
    [RUNNING]: old(1),
    [part('new_shop-app')]: { size: 1, modified: Date.now() },
  };
  expect(await examine({ statuses, open: [path.basename(RUNNING)] })).toEqual({
    id: 'leftovers',
    title: 'unfinished archives',
    status: 'warning',
    evidence: `1 of captures that were killed take 3.0 GiB in ${CHECKPOINTS_FOLDER}; no process holds them`,
    cure: [`rm ${KILLED}`],
    fix: [{ kind: 'removal', path: KILLED }],
  });
});

it('looks where the kubelet’s own folder is, too', async () => {
  const elsewhere = part('web_shop-app', '/data/kubelet/checkpoints');
  const files = processFiles(7, 'kubelet', ['kubelet', '--root-dir=/data/kubelet']);
  const statuses = { [elsewhere]: old(1), [KILLED]: old(1) };
  const fix = [KILLED, elsewhere].map((file) => ({ kind: 'removal', path: file }));
  expect((await examine({ files, statuses }))?.fix).toEqual(fix);
});

it('takes nothing else for one', async () => {
  const names = [
    'checkpoint-web_shop-app-2026-03-01T00:00:00Z.tar.part',
    'checkpoint-web_shop-app-20260301T100000.123Z.tar',
    'backup-20260301T100000.123Z.tar.part',
    'checkpoint-web_shop-app-20260301T100000.123Z.tar.partial',
  ];
  const statuses = Object.fromEntries(names.map((name) => [path.join(CHECKPOINTS_FOLDER, name), old(1)]));
  expect(await examine({ statuses })).toMatchObject({ status: 'ok', cure: [] });
});

it('knows our names, whatever their label, and not the kubelet’s', () => {
  expect(isUnfinished(path.basename(part('x'.repeat(300))))).toBe(true);
  expect(isUnfinished(path.basename(checkpointPath('a', new Date(0), '/')))).toBe(false);
});
