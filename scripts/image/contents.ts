/**
 * What is in the image: Node.js with the shared libraries that it and native modules need, what dist/ needs at run time, and
 * dist/. No shell and no package manager. Each part comes through npm, which holds it against a hash that is pinned.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import type { Architecture, ImageFile } from './oci-layout.ts';

const ROOT = path.join(import.meta.dirname, '../..');

const NODE_VERSION = '20.20.2';

interface Platform {
  /** As Node.js and npm call the architecture. */
  readonly cpu: string;
  /** Of the npm package `node-linux-CPU`, which holds Node's own release, at NODE_VERSION. */
  readonly integrity: string;
  /** Where its dynamic loader has to be, whatever the distribution. */
  readonly loader: string;
  /** Debian's folder for libraries. */
  readonly triplet: string;
}

const PLATFORMS: Readonly<Record<Architecture, Platform>> = {
  amd64: {
    cpu: 'x64',
    integrity:
      'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
    loader: 'lib64/ld-linux-x86-64.so.2',
    triplet: 'x86_64-linux-gnu',
  },
  arm64: {
    cpu: 'arm64',
    integrity:
      'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
    loader: 'lib/ld-linux-aarch64.so.1',
    triplet: 'aarch64-linux-gnu',
  },
};

/** What `readelf -d` says that Node.js and the native modules need, and what those need. */
const LIBRARIES = [
  'libc.so.6',
  'libdl.so.2',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'libstdc++.so.6',
];

export interface ContentOptions {
  readonly architecture: Architecture;
  /** The root of a system of that architecture, from which the shared libraries are taken. */
  readonly libraries: string;
  /** An empty folder to work in. */
  readonly scratch: string;
}

/** Two layers: what stays from one version to the next, and the program. */
export function imageLayers(options: ContentOptions): readonly (readonly ImageFile[])[] {
  const { architecture, libraries, scratch } = options;
  const platform = PLATFORMS[architecture];
  return [
    [...nodeProgram(platform, scratch), ...sharedLibraries(platform, libraries)],
    [...dependencies(platform, scratch), ...program()],
  ];
}

function nodeProgram({ cpu, integrity }: Platform, scratch: string): readonly ImageFile[] {
  const name = `node-linux-${cpu}@${NODE_VERSION}`;
  const [packed] = JSON.parse(npm(['pack', name, '--json', '--pack-destination', scratch], scratch));
  if (packed.integrity !== integrity) throw new Error(`${name} is another one: ${packed.integrity}`);
  const archive = path.join(scratch, packed.filename);
  execFileSync('tar', ['xzf', archive, '-C', scratch, 'package/bin/node', 'package/LICENSE']);
  return [
    { path: 'bin/node', data: readFileSync(path.join(scratch, 'package/bin/node')), isProgram: true },
    file('usr/share/licenses/node', path.join(scratch, 'package/LICENSE')),
  ];
}

function sharedLibraries({ loader, triplet }: Platform, root: string): readonly ImageFile[] {
  // The loader looks there on every distribution that it comes from.
  const folders = [`lib/${triplet}`, `usr/lib/${triplet}`, 'lib64', 'usr/lib64'];
  const places = LIBRARIES.map((name) => {
    const found = folders.find((folder) => existsSync(path.join(root, folder, name)));
    return found === undefined ? undefined : `${found}/${name}`;
  });
  const missing = LIBRARIES.filter((_, index) => places[index] === undefined);
  // A root that is not this machine's may have its loader as an absolute link into itself, at its other place.
  const found = [loader, `usr/${loader}`, `usr/lib/${triplet}/${path.basename(loader)}`].find((place) =>
    existsSync(path.join(root, place)),
  );
  if (missing.length > 0 || found === undefined) throw noLibraries(root, triplet, missing);
  return [
    { path: loader, data: readFileSync(realpathSync(path.join(root, found))), isProgram: true },
    ...places.flatMap((place) => (place === undefined ? [] : [file(place, path.join(root, place))])),
  ];
}

function noLibraries(root: string, triplet: string, missing: readonly string[]): Error {
  const architecture = triplet.startsWith('aarch64') ? 'arm64' : 'amd64';
  return new Error(
    `${root} lacks shared libraries for ${triplet} (${missing.join(', ') || 'the loader'}). ` +
      `On Debian, a folder that has them is made by:\n` +
      `  mmdebstrap --architectures=${architecture} --variant=extract --include=libc6,libstdc++6 bookworm DIR\n` +
      `and named with: --libraries DIR`,
  );
}

/** JavaScript, native modules and licences: no types, no sources of native modules. */
const WANTED = /(\.([cm]?js|json|node)|(^|\/)(licen[cs]e|notice|copying)[^/]*)$/i;
const UNWANTED = /(^|\/)(\.bin|@types|\.package-lock\.json)(\/|$)/;

function dependencies({ cpu }: Platform, scratch: string): readonly ImageFile[] {
  const folder = path.join(scratch, 'dependencies');
  mkdirSync(folder);
  for (const name of ['package.json', 'package-lock.json'])
    copyFileSync(path.join(ROOT, name), path.join(folder, name));
  const platform = [`--cpu=${cpu}`, '--os=linux', '--libc=glibc'];
  npm(['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', ...platform], folder);
  return filesIn(path.join(folder, 'node_modules'))
    .filter((name) => WANTED.test(name) && !UNWANTED.test(name))
    .map((name) => file(`exhibit/node_modules/${name}`, path.join(folder, 'node_modules', name)));
}

/** Without the code cache: V8 writes another one each time, and the image is to have the same digest. */
function program(): readonly ImageFile[] {
  const dist = path.join(ROOT, 'dist');
  const files = filesIn(dist).filter((name) => /\.c?js$/.test(name));
  return [
    ...files.map((name) => file(`exhibit/dist/${name}`, path.join(dist, name))),
    ...['package.json', 'LICENSE'].map((name) => file(`exhibit/${name}`, path.join(ROOT, name))),
  ];
}

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

const file = (name: string, source: string): ImageFile => ({
  path: name,
  data: readFileSync(source),
  isProgram: false,
});

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
