import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatheredContainer } from '../look/gathered.ts';
import { fakeProcess } from '../testing/fake-process.ts';
import { containerLog } from './container-log.ts';
import type { ContentItem } from './content-item.ts';
import { type RuntimeKnowledge, runtimeDocuments } from './runtime-documents.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'exhibit-documents-'));
});
afterEach(() => rmSync(base, { recursive: true }));

const ID = 'a'.repeat(64);
const UPPER = '/data/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs';
const TIME = new Date('2026-11-24T12:00:00.000Z');
const encode = (text: string) => new TextEncoder().encode(text);
const container: GatheredContainer = {
  node: {
    hostname: 'n1',
    kernel: '6.18',
    machine: 'x86_64',
    bootTime: 0,
    bootId: '',
    ticksPerSecond: 100,
    pageSize: 4096,
    locks: '',
  },
  processes: [
    fakeProcess({
      commandLine: encode('sh\0-c\0'),
      environment: encode('HOSTNAME=web\0A=\0'),
      files: { mountinfo: `1 0 0:33 / / rw - overlay overlay rw,upperdir=${UPPER}\n` },
    }),
  ],
  networks: [],
  gaps: [],
};

function put(file: string, text: string): void {
  mkdirSync(dirname(join(base, file)), { recursive: true });
  writeFileSync(join(base, file), text);
}

async function textOf(item: ContentItem | undefined): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of item?.chunks() ?? []) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function documents(known: RuntimeKnowledge, gaps: string[] = []): Promise<Record<string, unknown>> {
  const items = runtimeDocuments(container, known, TIME, gaps, base);
  const entries = items.map(async (item) => [item.path, JSON.parse(await textOf(item))] as const);
  return Object.fromEntries(await Promise.all(entries));
}

describe('the documents of a runtime', () => {
  it.each(['var/lib/containerd', 'data/containerd'])(
    "are containerd's own in %s, and what its annotations tell",
    async (folder) => {
      const annotations = {
        'io.kubernetes.cri.container-name': 'app',
        'io.kubernetes.cri.sandbox-name': 'web',
        'io.kubernetes.cri.sandbox-namespace': 'shop',
        'io.kubernetes.cri.sandbox-uid': 'u',
        'io.kubernetes.cri.image-name': 'image:1',
      };
      put(
        `run/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/config.json`,
        JSON.stringify({ annotations }),
      );
      put(`${folder}/io.containerd.grpc.v1.cri/containers/${ID}/status`, '{"Version":"v1"}');
      const gaps: string[] = [];
      expect(await documents({ id: ID }, gaps)).toMatchObject({
        'spec.dump': { annotations },
        status: { Version: 'v1' },
        'config.dump': {
          id: ID,
          name: 'app_web_shop_u_0',
          rootfsImageName: 'image:1',
          checkpointedTime: '2026-11-24T12:00:00.000Z',
        },
      });
      expect(gaps).toEqual([]);
    },
  );

  it('are made of the first process where no runtime is known', async () => {
    const gaps: string[] = [];
    const found = await documents({}, gaps);
    expect(Object.keys(found)).toEqual(['spec.dump', 'config.dump']);
    expect(found['spec.dump']).toMatchObject({
      hostname: 'web',
      process: { args: ['sh', '-c'], env: ['HOSTNAME=web', 'A='] },
    });
    expect(gaps).toEqual([expect.stringContaining("the runtime's config.json was not found")]);
  });

  it('are not looked for by an id that is none', async () => {
    put('etc/config.json', '{"secret":1}');
    expect(JSON.stringify(await documents({ id: '../../../../../etc' }))).not.toContain('secret');
  });
});

describe('the log', () => {
  const owner = { namespace: 'shop', pod: 'web', uid: 'u', container: 'app' };
  it("is the newest of the container's", async () => {
    put('var/log/pods/shop_web_u/app/9.log', 'old');
    put('var/log/pods/shop_web_u/app/10.log', 'new');
    put('var/log/pods/shop_web_u/app/10.log.20261124.gz', 'rotated');
    expect(await textOf(containerLog(owner, [], base))).toBe('new');
  });

  it('is told as missing', () => {
    const gaps: string[] = [];
    expect(containerLog(owner, gaps, base)).toBeUndefined();
    expect(gaps).toEqual(["the container's log was not found below /var/log/pods"]);
  });
});
