import { expect, it } from 'vitest';
import type { InspectedProcess, Inspection } from '../../src/export/inspection.ts';
import type { procFacts } from '../../testbed/recording/proc-facts.ts';

export type Facts = ReturnType<typeof procFacts>;
type ProcessFacts = Facts['processes'][number];

/** What /proc said right before a capture, and what `inspect --all --json` reads out of the archive. */
export interface Comparison {
  readonly facts: Facts;
  readonly inspection: Inspection;
}

function* flatten(tree: InspectedProcess | undefined): Iterable<InspectedProcess> {
  if (!tree) return;
  yield tree;
  for (const child of tree.children ?? []) yield* flatten(child);
}

/** Each live process with what the archive says of it; a zombie has no memory and no descriptors to compare. */
function pairs({ facts, inspection }: Comparison): [ProcessFacts, InspectedProcess][] {
  const read = new Map([...flatten(inspection.process_tree)].map((process) => [process.pid, process]));
  return facts.processes.flatMap((fact): [ProcessFacts, InspectedProcess][] => {
    const process = read.get(fact.pid);
    return process && process.task_state !== 'Dead' ? [[fact, process]] : [];
  });
}

const statusField = (fact: ProcessFacts, name: string): string[] =>
  fact.status
    .find((line) => line.startsWith(`${name}:`))
    ?.split(/\s+/)
    .slice(1) ?? [];

/** The kernel shows vvar in two lines; CRIU records it as one VMA. */
function mapsOf(fact: ProcessFacts): string[] {
  const lines = fact.maps.map((line) => {
    const [range = '', permissions = '', offset = '', , , ...name] = line.split(/\s+/);
    const [start = '', end = ''] = range.split('-');
    return { start, end, permissions, offset, name: name.join(' ') };
  });
  const merged = lines.filter(({ name }) => name !== '[vvar_vclock]');
  return merged.map((line) => {
    const tail =
      line.name === '[vvar]' &&
      lines.find(({ name, start }) => name === '[vvar_vclock]' && start === line.end);
    const end = tail ? tail.end : line.end;
    return `${BigInt(`0x${line.start}`)}-${BigInt(`0x${end}`)} ${line.permissions} ${BigInt(`0x${line.offset}`)} ${line.name}`;
  });
}

/** Tests, within a `describe`, that what `inspect` says is what /proc said of the live processes. */
export function itSaysWhatProcSaid(get: () => Comparison): void {
  it('has every process, alive or zombie', () => {
    const { facts, inspection } = get();
    const pids = [...flatten(inspection.process_tree)].map(({ pid }) => pid).sort((a, b) => a - b);
    expect(pids).toEqual(facts.processes.map(({ pid }) => pid).sort((a, b) => a - b));
    expect(pairs(get()).length).toBeGreaterThan(1);
  });

  it('has command names, arguments and environments', () => {
    for (const [fact, process] of pairs(get())) {
      expect(process.command).toBe(fact.comm);
      expect(process.arguments).toEqual(fact.cmdline);
      expect(process.environment).toEqual(fact.environ);
    }
  });

  it('has executables, working directories and roots', () => {
    for (const [fact, { executable, working_directory, root }] of pairs(get())) {
      const { path = '', deleted = false, memfd = false } = executable ?? {};
      expect(deleted && !memfd ? `${path} (deleted)` : path).toBe(fact.exe);
      expect(working_directory?.path).toBe(fact.cwd);
      expect(root?.path).toBe(fact.root);
    }
  });

  it('has every thread by number and name', () => {
    for (const [fact, process] of pairs(get())) {
      const threads = process.threads?.map(({ tid, command }) => ({ tid, comm: command }));
      expect(threads).toEqual(fact.threads);
    }
  });

  it('has credentials, capabilities and seccomp', () => {
    for (const [fact, { credentials, umask }] of pairs(get())) {
      const { uid, euid, suid, fsuid, gid, egid, sgid, fsgid } = credentials ?? {};
      expect([uid, euid, suid, fsuid].map(String)).toEqual(statusField(fact, 'Uid'));
      expect([gid, egid, sgid, fsgid].map(String)).toEqual(statusField(fact, 'Gid'));
      expect(umask).toBe(Number.parseInt(statusField(fact, 'Umask')[0] ?? '', 8));
      const seccomp = ['disabled', 'strict', 'filter'][Number(statusField(fact, 'Seccomp')[0])];
      expect(credentials?.seccomp).toBe(seccomp);
      expect(credentials?.no_new_privileges).toBe(statusField(fact, 'NoNewPrivs')[0] === '1');
      const effective = BigInt(`0x${statusField(fact, 'CapEff')[0]}`);
      expect(credentials?.capabilities.effective.length).toBe(
        effective.toString(2).replaceAll('0', '').length,
      );
    }
  });

  it('has every descriptor with what it leads to, its position and its flags', () => {
    const { inspection } = get();
    for (const [fact, process] of pairs(get())) {
      const files = inspection.file_descriptors?.find(({ pid }) => pid === process.pid)?.open_files ?? [];
      const numbered = files.filter(({ number }) => number !== undefined);
      expect(numbered.map(({ number, target }) => [number, target])).toEqual(
        fact.descriptors.map(({ fd, link }) => [fd, link]),
      );
      for (const { number, position } of numbered) {
        const info = fact.descriptors.find(({ fd }) => fd === number)?.info ?? [];
        const expected = info.find((line) => line.startsWith('pos:'))?.split(/\s+/)[1];
        if (position !== undefined) expect(`${number}: ${position}`).toBe(`${number}: ${expected}`);
      }
    }
  });

  it('has the maps, line by line', () => {
    for (const [fact, process] of pairs(get())) {
      const maps = process.memory_maps?.map(
        ({ start, end, permissions, file_offset, name: shown }) =>
          `${BigInt(start)}-${BigInt(end)} ${permissions} ${BigInt(file_offset)} ${shown}`,
      );
      expect(maps).toEqual(mapsOf(fact));
    }
  });

  it('has every listening TCP socket', () => {
    const { facts, inspection } = get();
    /** Column 1 is ADDRESS:PORT in hexadecimal, column 3 the state: 0A is LISTEN. */
    const ports = (table: readonly string[] = []) =>
      table
        .map((line) => line.trim().split(/\s+/))
        .filter((columns) => columns[3] === '0A')
        .map((columns) => Number.parseInt(columns[1]?.split(':')[1] ?? '', 16));
    const expected = new Set([...ports(facts.network.tcp), ...ports(facts.network.tcp6)]);
    const sockets = inspection.sockets?.flatMap(({ open_sockets }) => open_sockets) ?? [];
    const listening = sockets.filter(({ data }) => data.state === 'LISTEN' && data.src_port !== undefined);
    expect(new Set(listening.map(({ data }) => data.src_port))).toEqual(expected);
  });
}
