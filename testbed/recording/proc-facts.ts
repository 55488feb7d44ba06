import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TestNode } from '../node.ts';

/** What the kernel says of a container's live processes: what is read out of the archive has to agree with it. */
export function procFacts(node: TestNode, initPid: number) {
  const proc = node.hostPath('/proc');
  const init = join(proc, `${initPid}`);
  const namespace = link(join(init, 'ns', 'pid'));
  const pids = numbersIn(proc).filter((pid) => link(join(proc, pid, 'ns', 'pid')) === namespace);
  return {
    processes: pids.map((pid) => processFacts(join(proc, pid))),
    network: Object.fromEntries(
      ['tcp', 'tcp6', 'udp', 'unix', 'netlink'].map((name) => [name, lines(join(init, 'net', name))]),
    ),
  };
}

function processFacts(path: string) {
  const status = lines(join(path, 'status'));
  const field = (name: string) => status.find((line) => line.startsWith(`${name}:`))?.split(/\s+/);
  return {
    /** As the container counts. */
    pid: Number(field('NSpid')?.at(-1)),
    comm: text(join(path, 'comm')).trimEnd(),
    cmdline: strings(join(path, 'cmdline')),
    environ: strings(join(path, 'environ')),
    exe: link(join(path, 'exe')),
    cwd: link(join(path, 'cwd')),
    root: link(join(path, 'root')),
    stat: text(join(path, 'stat')).trimEnd(),
    status,
    threads: numbersIn(join(path, 'task')).map((thread) => threadFacts(join(path, 'task', thread))),
    descriptors: numbersIn(join(path, 'fd')).map((fd) => ({
      fd: Number(fd),
      link: link(join(path, 'fd', fd)),
      info: lines(join(path, 'fdinfo', fd)),
    })),
    namespaces: Object.fromEntries(
      namesIn(join(path, 'ns')).map((name) => [name, link(join(path, 'ns', name))]),
    ),
    maps: lines(join(path, 'maps')),
    limits: lines(join(path, 'limits')),
    cgroup: lines(join(path, 'cgroup')),
    mountinfo: lines(join(path, 'mountinfo')),
  };
}

function threadFacts(path: string) {
  const id = lines(join(path, 'status')).find((line) => line.startsWith('NSpid:'));
  return { tid: Number(id?.split(/\s+/).at(-1)), comm: text(join(path, 'comm')).trimEnd() };
}

/** A zombie has neither descriptors nor memory, and its links lead nowhere: empty, not an error. */
function orEmpty<T>(read: () => T, empty: T): T {
  try {
    return read();
  } catch {
    return empty;
  }
}

function text(path: string): string {
  return orEmpty(() => readFileSync(path, 'utf8'), '');
}

function lines(path: string): string[] {
  return text(path)
    .split('\n')
    .filter((line) => line !== '');
}

function strings(path: string): string[] {
  return text(path).split('\0').slice(0, -1);
}

function link(path: string): string {
  return orEmpty(() => readlinkSync(path), '');
}

function namesIn(path: string): string[] {
  return orEmpty(() => readdirSync(path), []);
}

function numbersIn(path: string): string[] {
  return namesIn(path)
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(a) - Number(b));
}
