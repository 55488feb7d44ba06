/** `npm run image`: writes Exhibit's container image as a file, without Docker, and says its digest. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { imageLayers } from './contents.ts';
import { type Architecture, buildImage } from './oci-layout.ts';
import { readSigningKey, signImage } from './signature.ts';

const ROOT = path.join(import.meta.dirname, '../..');

const USAGE = `npm run image -- [options]

  --arch amd64|arm64   for nodes of which architecture (default: this machine's)
  --output FILE        default: dist/exhibit-ARCH.tar
  --name REFERENCE     default: localhost/exhibit:VERSION
  --key FILE           signs the digest with this Ed25519 private key: FILE.tar.payload.json and FILE.tar.sig
  --libraries DIR      root of a Linux system of that architecture, for its C and C++ library (default: /)

  npm run image -- --arch amd64 --key release.pem
  ctr -n k8s.io image import dist/exhibit-amd64.tar
`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: process.arch === 'x64' ? 'amd64' : process.arch },
      output: { type: 'string' },
      name: { type: 'string' },
      key: { type: 'string' },
      libraries: { type: 'string', default: '/' },
      help: { type: 'boolean' },
    },
  });
  return values;
}

const isArchitecture = (text: string): text is Architecture => text === 'amd64' || text === 'arm64';
const REFERENCE = /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+:[\w.-]+$/;

function main(): void {
  const { help, arch, libraries, ...given } = readOptions();
  if (help) {
    process.stdout.write(USAGE);
    return;
  }
  if (!isArchitecture(arch)) throw new Error(`--arch is amd64 or arm64, not ${arch}`);
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const name = given.name ?? `localhost/exhibit:${version}`;
  if (!REFERENCE.test(name)) throw new Error(`--name is a full reference with a tag, not ${name}`);
  const key = given.key === undefined ? undefined : readSigningKey(given.key);
  const output = path.resolve(given.output ?? path.join(ROOT, `dist/exhibit-${arch}.tar`));
  const scratch = mkdtempSync(path.join(tmpdir(), 'exhibit-image-'));
  try {
    const { digest, tar } = buildImage({
      name,
      architecture: arch,
      entrypoint: ['/bin/node', '/exhibit/dist/exhibit.cjs'],
      environment: { PATH: '/bin', NODE_ENV: 'production' },
      layers: imageLayers({ architecture: arch, libraries, scratch }),
    });
    writeFileSync(output, tar);
    process.stdout.write(`${name}@${digest}\n${output}: ${(tar.length / 1024 ** 2).toFixed(1)} MiB\n`);
    if (key === undefined) return;
    const { payload, signature } = signImage(name, digest, key);
    writeFileSync(`${output}.payload.json`, payload);
    writeFileSync(`${output}.sig`, `${signature}\n`);
    process.stdout.write(`signed: ${output}.payload.json, ${output}.sig\n`);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`image: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
