import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface FakeProcess {
  readonly pid: number;
  readonly parent: number;
  readonly name?: string;
  readonly command?: readonly string[];
  readonly executable?: string;
  /** Its path below the control groups' root. */
  readonly cgroup?: string;
  /** KiB. */
  readonly memory?: number;
  /** What each descriptor is, and the further lines of its fdinfo. */
  readonly descriptors?: Readonly<Record<number, readonly [link: string, ...info: readonly string[]]>>;
}

/** A folder that looks like a node's root: /proc and whatever is put there. */
export class FakeNode {
  readonly root = mkdtempSync(path.join(tmpdir(), 'exhibit-node-'));

  put(file: string, text: string): void {
    const full = path.join(this.root, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, text, { mode: 0o755 });
  }

  link(file: string, target: string): void {
    const full = path.join(this.root, file);
    mkdirSync(path.dirname(full), { recursive: true });
    symlinkSync(target, full);
  }

  process(process: FakeProcess): void {
    const { pid, parent, name = 'app', command = [name], memory = 0, descriptors = {} } = process;
    const folder = `proc/${pid}`;
    const status = [`Name:\t${name}`, `PPid:\t${parent}`, `RssAnon:\t${memory} kB`];
    this.put(`${folder}/status`, `${status.join('\n')}\n`);
    this.put(`${folder}/comm`, `${name}\n`);
    this.put(`${folder}/cmdline`, command.map((argument) => `${argument}\0`).join(''));
    this.put(`${folder}/cgroup`, `0::${process.cgroup ?? '/'}\n`);
    this.link(`${folder}/exe`, process.executable ?? `/bin/${name}`);
    this.link(`${folder}/ns/net`, 'net:[4026531840]');
    this.link(`${folder}/root`, this.root);
    mkdirSync(path.join(this.root, folder, 'fd'), { recursive: true });
    for (const [fd, [link, ...info]] of Object.entries(descriptors)) {
      this.link(`${folder}/fd/${fd}`, link);
      this.put(`${folder}/fdinfo/${fd}`, ['pos:\t0', ...info, ''].join('\n'));
    }
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}
