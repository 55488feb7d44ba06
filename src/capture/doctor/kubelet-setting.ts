/**
 * How a kubelet was set, by its command line, which comes first, and its configuration files. The files are YAML or JSON
 * and are searched, not parsed: each setting has a name that nothing else in them has.
 */
import path from 'node:path';
import { findOption } from './command-line.ts';
import type { HostProcess } from './host-process.ts';
import type { NodeProbe } from './node-probe.ts';

export interface Setting {
  readonly value: string;
  /** A file, or the command line. */
  readonly where: string;
}

/** k3s hands these to the kubelet that it is (docs.k3s.io, "Configuration File"; kubelet drop-ins since 1.32). */
const K3S_FILES = ['/etc/rancher/k3s/config.yaml'] as const;
const K3S_FOLDERS = [
  '/etc/rancher/k3s/config.yaml.d',
  '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d',
] as const;

/** The setting by one of its names, with a value of this form; undefined where nothing sets it. */
export async function findSetting(
  probe: NodeProbe,
  kubelet: HostProcess,
  names: readonly string[],
  form: RegExp,
): Promise<Setting | undefined> {
  // What stands behind a # is a comment.
  const pattern = new RegExp(`^[^#\\n]*\\b(?:${names.join('|')})["']?[\\s:=]+["']?(${form.source})\\b`, 'm');
  const given = pattern.exec(kubelet.argv.join(' '))?.[1];
  if (given !== undefined) return { value: given, where: 'its command line' };
  let found: Setting | undefined;
  for (const where of await configurationFiles(probe, kubelet)) {
    const value = pattern.exec((await probe.read(where)) ?? '')?.[1];
    if (value !== undefined) found = { value, where };
  }
  return found;
}

/** In the order in which later ones override earlier ones. */
async function configurationFiles(probe: NodeProbe, { name, argv }: HostProcess): Promise<readonly string[]> {
  const isK3s = name !== 'kubelet';
  const file = findOption(argv, ['--config', '-c']);
  const folder = findOption(argv, ['--config-dir']);
  const folders = isK3s ? K3S_FOLDERS : folder === undefined ? [] : [folder];
  const files = file === undefined ? (isK3s ? [...K3S_FILES] : []) : [file];
  for (const place of folders) {
    for (const entry of [...(await probe.list(place))].sort()) files.push(path.join(place, entry));
  }
  return files;
}
