import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Part, textsOf } from './cache.ts';
import { installProgram } from './debian.ts';
import { output } from './process.ts';
import { imageArchive } from './workloads/image.ts';

const here = import.meta.dirname;

/** bookworm's own CRIU fails on kernels from 6.1x on (vDSO): all comes from sid. */
const PACKAGES = [
  'busybox-static',
  'ca-certificates',
  'checkpointctl',
  'conmon',
  'containerd',
  'containernetworking-plugins',
  'criu',
  'curl',
  'etcd-server',
  'gcc',
  'gdb',
  'iproute2',
  'iptables',
  'kubectl',
  'musl-tools',
  'openssl',
  'podman',
  'procps',
  'python3-pycriu',
  'runc',
  'zstd',
];

/** Programs that people run in containers, for workloads/servers.ts. */
const SERVER_PACKAGES = [
  'curl',
  'nginx-light',
  'nodejs',
  'openjdk-25-jre-headless',
  'php-cli',
  'postgresql-18',
  'redis-server',
];

const debianOptions = (packages: readonly string[]): readonly string[] => [
  '--variant=minbase',
  '--mode=root',
  `--include=${packages.join(',')}`,
  // A mirror may serve a snapshot of sid that is older than its Release file allows.
  '--aptopt=Acquire::Check-Valid-Until "false"',
  '--aptopt=APT::Install-Recommends "false"',
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
];

const ROOTFS_OPTIONS = [...debianOptions(PACKAGES), '--dpkgopt=path-exclude=/usr/share/man/*'];
/** With the folders of manual pages: Java's package does not install without. */
const SERVER_OPTIONS = debianOptions(SERVER_PACKAGES);

/** The root filesystem that everything runs on. It is never written to once it is built. */
export const rootfs: Part = {
  name: 'rootfs',
  ingredients: ROOTFS_OPTIONS,
  async build(target) {
    await installProgram('mmdebstrap');
    await output(['mmdebstrap', '--quiet', ...ROOTFS_OPTIONS, 'sid', target]);
  },
};

/** A root filesystem whose programs pods can run, with a server in Go beside Debian's at /usr/local/bin/go-server. */
export const servers: Part = {
  name: 'servers',
  ingredients: [...SERVER_OPTIONS, ...textsOf(join(here, 'workloads', 'server'))],
  async build(target) {
    await installProgram('mmdebstrap');
    await output(['mmdebstrap', '--quiet', ...SERVER_OPTIONS, 'sid', target]);
    const source = join(here, 'workloads', 'server', 'main.go');
    const build = ['go', 'build', '-trimpath', '-o', join(target, 'usr/local/bin/go-server'), source];
    await output(['env', 'CGO_ENABLED=0', ...build]);
  },
};

/** Version → its module's file in kubernetes/; the sums lie beside it. The first is what the tests run on. */
const KUBERNETES_MODULES = { 'v1.36.3': 'go.mod', 'v1.34.4': 'v1.34.mod' } as const;
export type KubernetesVersion = keyof typeof KUBERNETES_MODULES;

/** EXHIBIT_KUBERNETES in the environment names another than the usual one. */
export function wantedKubernetes(name = process.env.EXHIBIT_KUBERNETES ?? 'v1.36.3'): KubernetesVersion {
  if (name in KUBERNETES_MODULES) return name as KubernetesVersion;
  throw new Error(`no Kubernetes ${name} can be built; there are ${Object.keys(KUBERNETES_MODULES)}`);
}

/** kubelet and kube-apiserver in one program; see kubernetes/main.go. */
export function kubernetes(version: KubernetesVersion): Part {
  const module = KUBERNETES_MODULES[version];
  const sums = module.replace(/mod$/, 'sum');
  const flags = linkerFlags(version);
  return {
    name: 'kubernetes',
    ingredients: [version, ...textsOf(join(here, 'kubernetes'), [module, sums, 'main.go']), ...flags],
    async build(target) {
      const source = join(here, 'kubernetes');
      // The environment stays the user's own: it says where modules come from and where builds are kept.
      const build = ['go', 'build', '-C', source, `-modfile=${module}`, '-trimpath'];
      await output(['env', 'CGO_ENABLED=0', ...build, '-ldflags', flags.join(' '), '-o', target, '.']);
    },
  };
}

/** Stamped as Kubernetes' own release builds are, so that this is a release kubelet. */
function linkerFlags(version: KubernetesVersion): string[] {
  const [major, minor] = version.slice(1).split('.');
  const stamp = (name: string, value: string | undefined) =>
    `-X k8s.io/component-base/version.${name}=${value}`;
  return [
    '-s -w',
    stamp('gitVersion', version),
    stamp('gitMajor', major),
    stamp('gitMinor', minor),
    stamp('gitTreeState', 'clean'),
  ];
}

/** The images, as one Docker archive: programs compiled in the root filesystem, on busybox. */
export function images(rootfsPath: string): Part {
  const programs = join(here, 'workloads', 'programs');
  const compiler = join(here, 'sandbox', 'compile.sh');
  return {
    name: 'images',
    ingredients: [
      rootfsPath,
      readFileSync(compiler, 'utf8'),
      ...textsOf(programs),
      ...textsOf(here, ['docker-archive.ts', 'tar.ts', 'workloads/image.ts']),
    ],
    async build(target) {
      const compiled = mkdtempSync(join(tmpdir(), 'exhibit-testbed-'));
      try {
        await output([compiler, rootfsPath, programs, compiled]);
        writeFileSync(target, imageArchive(compiled));
      } finally {
        rmSync(compiled, { recursive: true });
      }
    },
  };
}
