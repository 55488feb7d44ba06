/** The container image that `npm run image` makes: a runtime takes it, its program runs, and its digest is what was signed. */
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { run, succeeded } from '../../testbed/process.ts';
import { useNode } from './support/use-node.ts';

const ROOT = join(import.meta.dirname, '../..');
const NAME = 'localhost/exhibit:test';

const node = useNode();
const scratch = mkdtempSync(join(tmpdir(), 'exhibit-image-test-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const image = (...args: readonly string[]) =>
  run([
    process.execPath,
    join(ROOT, 'node_modules/tsx/dist/cli.mjs'),
    join(ROOT, 'scripts/image/main.ts'),
    ...args,
  ]);

async function build(file: string, ...args: readonly string[]): Promise<string> {
  const built = await image('--name', NAME, '--output', file, ...args);
  const [, digest = ''] = /@(sha256:[0-9a-f]{64})$/m.exec(succeeded(['image'], built)) ?? [];
  return digest;
}

async function ctr(...args: readonly string[]): Promise<string> {
  const argv = ['ctr', '-n', 'k8s.io', ...args];
  return succeeded(argv, await node().exec(argv));
}

test('is the same each time, is signed, and runs in containerd', async () => {
  const file = join(scratch, 'exhibit.tar');
  const key = join(scratch, 'key.pem');
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const digest = await build(file, '--key', key);
  const payload = readFileSync(`${file}.payload.json`);
  const signature = Buffer.from(readFileSync(`${file}.sig`, 'utf8'), 'base64');
  expect(verify(null, payload, createPublicKey(privateKey), signature)).toBe(true);
  expect(JSON.parse(payload.toString()).critical.image).toEqual({ 'docker-manifest-digest': digest });

  expect(await build(join(scratch, 'again.tar'))).toBe(digest);
  expect(readFileSync(join(scratch, 'again.tar')).equals(readFileSync(file))).toBe(true);

  copyFileSync(file, node().hostPath('/var/lib/exhibit.tar'));
  await ctr('image', 'import', '--local', '/var/lib/exhibit.tar');
  expect(await ctr('image', 'ls', `name==${NAME}`)).toContain(digest);
  const program = ['/bin/node', '/exhibit/dist/exhibit.cjs'];
  const ran = (...args: readonly string[]) => ctr('run', '--rm', NAME, 'exhibit-test', ...program, ...args);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect((await ran('--version')).trim()).toBe(version);
  // The library that most of the size is of, and the one that is native.
  const loads = `import('/exhibit/node_modules/@kubernetes/client-node/dist/index.js').then(() => console.log('loaded'))`;
  expect(await ctr('run', '--rm', NAME, 'exhibit-test', '/bin/node', '-e', loads)).toBe('loaded\n');
  await ctr('image', 'rm', NAME);
});

test('holds programs of its architecture alone, and says where to get the libraries of another', async () => {
  const listing = execFileSync('tar', ['xOf', join(scratch, 'exhibit.tar'), 'index.json'], {
    encoding: 'utf8',
  });
  expect(JSON.parse(listing).manifests[0].platform).toEqual({
    architecture: process.arch === 'x64' ? 'amd64' : 'arm64',
    os: 'linux',
  });
  const other = process.arch === 'x64' ? 'arm64' : 'amd64';
  const { code, stderr } = await image('--arch', other, '--output', join(scratch, 'other.tar'));
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/lacks shared libraries for .+mmdebstrap .+--libraries DIR/s),
  ]);
});

test('takes no key that is another kind, and does not quote it', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = join(scratch, 'ec.pem');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(key, pem, { mode: 0o600 });
  const { code, stderr } = await image('--output', join(scratch, 'unsigned.tar'), '--key', key);
  expect([code, stderr]).toEqual([1, expect.stringContaining('is no Ed25519 private key')]);
  expect(stderr).not.toContain(String(pem).split('\n')[1]);
});
