/** An S3-compatible store that verifies signatures (Versity's gateway on a folder), inside a node. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, type Part, textsOf } from './cache.ts';
import type { TestNode } from './node.ts';
import { output, succeeded, until } from './process.ts';
import { silent } from './progress.ts';

const SOURCE = join(import.meta.dirname, 'store');
const PACKAGE = 'github.com/versity/versitygw/cmd/versitygw';
const LINKER_FLAGS = '-s -w';

const store: Part = {
  name: 'store',
  ingredients: [PACKAGE, LINKER_FLAGS, ...textsOf(SOURCE)],
  async build(target) {
    const build = ['go', 'build', '-C', SOURCE, '-trimpath', '-ldflags', LINKER_FLAGS, '-o', target, PACKAGE];
    await output(['env', 'CGO_ENABLED=0', ...build]);
  },
};

export const STORE_KEYS = { access: 'exhibit', secret: 'not-a-secret' } as const;
export const BUCKET = 'evidence';
const FOLDER = '/srv/store';
const PORT = 7070;

export interface Store {
  /** On the node's loopback. */
  readonly origin: string;
  /** The host's path of what was stored under a key. */
  readonly pathOf: (key: string) => string;
}

/** `certificate` and `key` are PEM, for 127.0.0.1. */
export async function startStore(node: TestNode, certificate: Buffer, key: Buffer): Promise<Store> {
  const program = '/usr/local/bin/versitygw';
  copyFileSync(await cached(store, silent), node.hostPath(program));
  for (const folder of [`${FOLDER}/data/${BUCKET}`, `${FOLDER}/sidecar`])
    mkdirSync(node.hostPath(folder), { recursive: true });
  writeFileSync(node.hostPath(`${FOLDER}/store.crt`), certificate);
  writeFileSync(node.hostPath(`${FOLDER}/store.key`), key, { mode: 0o600 });
  const { access, secret } = STORE_KEYS;
  const options = [
    '--port',
    `127.0.0.1:${PORT}`,
    '--cert',
    `${FOLDER}/store.crt`,
    '--key',
    `${FOLDER}/store.key`,
  ];
  const keys = ['--access', access, '--secret', secret];
  await node.service('store', [
    program,
    ...options,
    ...keys,
    'posix',
    '--sidecar',
    `${FOLDER}/sidecar`,
    `${FOLDER}/data`,
  ]);
  const ask = ['curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', `https://127.0.0.1:${PORT}/`];
  await until('the store', async () => {
    const { stdout } = await node.exec(ask);
    return Number(stdout) > 0 || undefined;
  });
  succeeded(ask, await node.exec(ask));
  return {
    origin: `https://127.0.0.1:${PORT}`,
    pathOf: (name) => node.hostPath(`${FOLDER}/data/${BUCKET}/${name}`),
  };
}
