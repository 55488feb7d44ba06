import type { NodeProbe } from './node-probe.ts';

/** The command that installs a package on this node. */
export type InstallCommand = (name: string) => string;

/** By ID and ID_LIKE of os-release(5). */
const MANAGERS: Readonly<Record<string, string>> = {
  debian: 'apt-get install',
  ubuntu: 'apt-get install',
  fedora: 'dnf install',
  rhel: 'dnf install',
  centos: 'dnf install',
  suse: 'zypper install',
  opensuse: 'zypper install',
  arch: 'pacman -S',
  alpine: 'apk add',
};

/** By the node's own word; of a distribution that is not known, it names no command. */
export async function findInstallCommand(probe: NodeProbe): Promise<InstallCommand> {
  const text = (await probe.read('/etc/os-release')) ?? (await probe.read('/usr/lib/os-release')) ?? '';
  const fields = [...text.matchAll(/^(?:ID|ID_LIKE)=["']?([\w.\- ]*)/gm)];
  const names = fields.flatMap(([, value = '']) => value.split(' '));
  const manager = names.map((name) => MANAGERS[name]).find((known) => known !== undefined);
  return (name) =>
    manager === undefined ? `install ${name} with the system's package manager` : `${manager} ${name}`;
}
