import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { explainPodman } from './podman-answer.ts';
import { parsePodmanName, readInspection } from './podman-container.ts';
import { planPodmanCapture } from './podman-plan.ts';

const ID = 'ab'.repeat(32);
const inspection = {
  Id: ID,
  Name: 'web',
  ImageName: 'image:1',
  Image: 'c0ffee',
  State: { Status: 'running' },
  RestartCount: 2,
  OCIConfigPath: `/var/lib/containers/storage/overlay-containers/${ID}/userdata/config.json`,
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-podman-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A podman that prints an inspection, notes what it is called with, and does what a script says for a checkpoint. */
function install(checkpoint: string, inspected: object = inspection): void {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(folder, 'inspection'), JSON.stringify([inspected]));
  const script = [
    '#!/bin/sh',
    `printf '%s\\n' "$@" >>'${folder}/calls'`,
    `[ "$2" = inspect ] && exec cat '${folder}/inspection'`,
    checkpoint,
  ];
  writeFileSync(path.join(bin, 'podman'), script.join('\n'), { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${process.env.PATH}`);
}

async function refusal(action: Promise<unknown>): Promise<ExhibitError> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ExhibitError);
  return error as ExhibitError;
}

describe('a capture', () => {
  test('leaves the container running, and writes where it was told', async () => {
    install('exit 0');
    const plan = await planPodmanCapture('web', { folder: path.join(folder, 'out'), compression: 'zstd' });
    expect(plan).toMatchObject({ target: { container: 'web' }, containerId: ID, pod: undefined });
    expect(plan.dumpLog).toBe(inspection.OCIConfigPath.replace('config.json', 'dump.log'));
    const file = await plan.routes[0].take();
    const calls = readFileSync(path.join(folder, 'calls'), 'utf8').trim().split('\n');
    expect(calls).toEqual([
      ...['container', 'inspect', 'web'],
      ...['container', 'checkpoint', '--leave-running', '--tcp-established', '--file-locks'],
      ...['--compress=zstd', `--export=${file}`, ID],
    ]);
    expect((await plan.look()).status).toMatchObject({
      state: 'running',
      id: ID,
      restarts: 2,
      runtime: 'podman',
    });
  });

  test('that fails says what podman said, and leaves no file', async () => {
    install('echo "Error: criu failed: type NOTIFY errno 0" >&2; exit 125');
    const out = path.join(folder, 'out');
    const plan = await planPodmanCapture('web', { folder: out });
    const { code, message } = await refusal(plan.routes[0].take());
    expect(code).toBe('CHECKPOINT_FAILED');
    expect(message).toBe(
      'Podman could not checkpoint (exit code 125): Error: criu failed: type NOTIFY errno 0',
    );
    expect(readdirSync(out)).toEqual([]);
  });

  test('of a container that does not run is refused', async () => {
    install('exit 0', { ...inspection, State: { Status: 'paused' } });
    const { code, message } = await refusal(planPodmanCapture('web', { folder }));
    expect([code, message]).toEqual([
      'CONTAINER_NOT_RUNNING',
      expect.stringContaining('not running (paused)'),
    ]);
  });

  test('without podman says so', async () => {
    vi.stubEnv('PATH', folder);
    const { code, message } = await refusal(planPodmanCapture('web', { folder }));
    expect([code, message]).toEqual(['NO_ROUTE', 'cannot run podman: it is not installed, or not in PATH']);
  });
});

test.each([
  ['Error: no such container "nope"', 'CONTAINER_NOT_FOUND'],
  ['Error: checkpointing a container requires root', 'CHECKPOINT_UNSUPPORTED'],
  ['Error: "ab" is not running, cannot checkpoint: container state improper', 'CONTAINER_NOT_RUNNING'],
  ['Error: checkpoint/restore requires at least CRIU 31100', 'CRIU_MISSING'],
  ['Error: configured runtime does not support checkpoint/restore', 'CRIU_MISSING'],
  ['Error: write /x.tar: no space left on device', 'CHECKPOINT_FAILED'],
  ['', 'CHECKPOINT_FAILED'],
])('%j is %s', (stderr, code) => {
  expect(explainPodman({ code: 125, stdout: '', stderr }, 'web').code).toBe(code);
});

test.each(['', '-v', '--all', 'shop/web', 'a b', '../x', '.', 'é', 'x'.repeat(300)])(
  '%j is no name',
  (name) => {
    expect(() => parsePodmanName(name)).toThrow(expect.objectContaining({ code: 'BAD_TARGET' }));
  },
);

describe('what inspect printed', () => {
  test.each([
    '',
    'null',
    '{}',
    '[]',
    '[null]',
    '[{}]',
    '[{"Id": 7, "Name": "web"}]',
    '[{"Id": "../..", "Name": "web"}]',
    `[{"Id": "${ID}"}]`,
  ])('%s is no container', (text) => {
    expect(() => readInspection(text)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('is read or refused, whatever its fields are', () => {
    const names = ['ImageName', 'Image', 'State', 'RestartCount', 'OCIConfigPath'] as const;
    const fields = fc.record(Object.fromEntries(names.map((name) => [name, fc.jsonValue()])));
    fc.assert(
      fc.property(fields, (other) => {
        const { id, summary } = readInspection(JSON.stringify([{ Id: ID, Name: 'web', ...other }]));
        expect([id, summary.name]).toEqual([ID, 'web']);
      }),
    );
  });
});
