import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dockerArchive } from '../docker-archive.ts';
import type { TarFile } from '../tar.ts';

export const WORKLOAD_IMAGE = 'exhibit.local/workload:1';
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10';

/** The way in for workloads/compromise.ts: runs what a visitor sends. */
const VULNERABLE = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
sh -c "echo pinging $(httpd -d "$QUERY_STRING")"
`;

/** Both images as one Docker archive, from the folder that sandbox/compile.sh filled. */
export function imageArchive(compiled: string): Buffer {
  return dockerArchive([
    { reference: PAUSE_IMAGE, files: [program(compiled, 'pause', 'pause')], command: ['/pause'] },
    { reference: WORKLOAD_IMAGE, files: workloadFiles(compiled), command: ['/bin/counter'] },
  ]);
}

function workloadFiles(compiled: string): TarFile[] {
  const names = readdirSync(join(compiled, 'bin')).sort();
  const applets = readFileSync(join(compiled, 'applets'), 'utf8').trim().split('\n');
  return [
    ...['bin', 'etc', 'proc', 'root', 'sys', 'www', 'www/cgi-bin'].map(directory),
    { ...directory('tmp'), mode: 0o1777 },
    ...names.map((name) => program(join(compiled, 'bin'), name, `bin/${name}`)),
    ...applets
      .filter((name) => !names.includes(name))
      .map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    { path: 'etc/passwd', data: 'root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/www:/bin/false\n' },
    { path: 'etc/group', data: 'root:x:0:\nwww:x:33:\n' },
    { path: 'www/index.html', data: '<h1>The shop</h1>\n' },
    { path: 'www/cgi-bin/ping', data: VULNERABLE, mode: 0o755 },
  ];
}

function directory(path: string): TarFile {
  return { path, directory: true, mode: 0o755 };
}

function program(folder: string, name: string, path: string): TarFile {
  return { path, data: readFileSync(join(folder, name)), mode: 0o755 };
}
