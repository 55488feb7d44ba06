import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  INSPECTION_PARTS,
  type Inspection,
  type InspectionPart,
  type InspectionSelection,
  inspectCheckpoint,
} from '../export/inspection.ts';
import type { ConfigureCommand } from './command.ts';
import type { ExitCode, Io } from './io.ts';
import { forEachCheckpoint, withCheckpoint } from './open.ts';
import { toJson } from './terminal/escape.ts';

interface InspectOptions {
  readonly stats?: true;
  readonly metadata?: true;
  readonly psTree?: true;
  readonly psTreeCmd?: true;
  readonly psTreeEnv?: true;
  readonly files?: true;
  readonly sockets?: true;
  readonly mounts?: true;
  readonly threads?: true;
  readonly creds?: true;
  readonly namespaces?: true;
  readonly maps?: true;
  readonly rootfs?: true;
  readonly log?: true;
  readonly timers?: true;
  readonly registers?: true;
  readonly cgroups?: true;
  readonly ipc?: true;
  readonly seccomp?: true;
  readonly network?: true;
  readonly all?: true;
  readonly pid?: number;
  readonly format: 'tree' | 'json';
  readonly json?: true;
}

/** The parts that each flag asks for. Whatever is told by process brings the process tree with it. */
const FLAG_PARTS: Readonly<Partial<Record<keyof InspectOptions, readonly InspectionPart[]>>> = {
  stats: ['stats'],
  metadata: ['metadata'],
  psTree: ['processes', 'commands'],
  psTreeCmd: ['processes', 'commands'],
  psTreeEnv: ['processes', 'commands', 'environment'],
  pid: ['processes', 'commands'],
  files: ['processes', 'commands', 'files'],
  sockets: ['processes', 'commands', 'sockets'],
  mounts: ['mounts'],
  threads: ['processes', 'commands', 'threads'],
  creds: ['processes', 'commands', 'credentials'],
  namespaces: ['processes', 'commands', 'namespaces'],
  maps: ['processes', 'commands', 'maps'],
  rootfs: ['rootfs', 'held'],
  log: ['log'],
  timers: ['processes', 'commands', 'timers'],
  registers: ['processes', 'commands', 'threads', 'registers'],
  cgroups: ['cgroups'],
  ipc: ['ipc'],
  seccomp: ['seccomp'],
  network: ['network'],
  all: INSPECTION_PARTS,
};

/** What the overview reads: enough to tell what was going on, nothing that grows with the memory. */
const OVERVIEW_PARTS: readonly InspectionPart[] = [
  'stats',
  'processes',
  'commands',
  'files',
  'sockets',
  'mounts',
  'rootfs',
  'held',
];

const EXAMPLES = `
Without flags: an overview. With flags: what they name, in full.

Examples:
  exhibit inspect checkpoint.tar                   what was going on
  exhibit inspect --all checkpoint.tar | less      everything there is
  exhibit inspect --ps-tree-env -p 7 c.tar         a process and its children
  exhibit inspect --threads --creds c.tar          who may do what
  exhibit inspect --sockets --json *.tar | jq '.[].sockets'

Flags and JSON names are those of checkpointctl, and more;
docs/formats/inspection.md describes the JSON.`;

export const configure: ConfigureCommand = (command, io, finish) => {
  addOptions(command.argument('<file...>', 'checkpoint archives'))
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], options: InspectOptions) => {
      finish(await inspect(files, options, io));
    });
};

function addOptions(command: Command): Command {
  return command
    .option('--all', 'everything below')
    .option('--ps-tree', 'the processes')
    .option('--ps-tree-cmd', 'the processes, with command lines')
    .option('--ps-tree-env', 'the processes, with environment variables')
    .option('-p, --pid <pid>', 'only this process and its children', parsePid)
    .option('--threads', 'the threads of each process, and where they stood')
    .option('--registers', 'all registers of each thread')
    .option('--timers', 'interval and POSIX timers of each process')
    .option('--creds', 'user and group ids, capabilities, seccomp, security profile')
    .option('--namespaces', 'the namespaces of each process')
    .option('--files', 'open file descriptors, working directory and root')
    .option('--sockets', 'open sockets, with what was queued in them')
    .option('--maps', 'memory maps, as /proc/PID/maps')
    .option('--mounts', 'mounts of the container')
    .option('--network', 'devices, addresses, routes, rules, connections, firewall')
    .option('--ipc', 'System V shared memory, message queues, semaphores')
    .option('--cgroups', 'control groups and their settings')
    .option('--seccomp', 'seccomp filters, disassembled')
    .option('--rootfs', 'changes to the root filesystem, and files that only the archive holds')
    .option('--log', 'the end of the container log')
    .option('--metadata', 'pod and annotations')
    .option('--stats', 'CRIU statistics of the dump')
    .addOption(new Option('--format <format>', 'output format').choices(['tree', 'json']).default('tree'))
    .option('--json', 'the same as --format json');
}

function parsePid(text: string): number {
  const pid = Number(text);
  if (!/^\d{1,10}$/.test(text) || pid === 0)
    throw new InvalidArgumentError('It must be a process id, such as 7.');
  return pid;
}

async function inspect(files: readonly string[], options: InspectOptions, io: Io): Promise<ExitCode> {
  const parts = new Set<InspectionPart>();
  for (const [flag, wanted] of Object.entries(FLAG_PARTS)) {
    if (options[flag as keyof InspectOptions] !== undefined) for (const part of wanted) parts.add(part);
  }
  const selection = { parts, pid: options.pid };
  if (options.json || options.format === 'json') return printJson(files, selection, io);
  let isFirst = true;
  return forEachCheckpoint(files, io, async (checkpoint) => {
    const page = await renderInspection(checkpoint, selection, io);
    await io.out(isFirst ? page : `\n${page}`);
    isFirst = false;
  });
}

/** checkpointctl's shape: an array with one element per archive. */
async function printJson(
  files: readonly string[],
  selection: InspectionSelection,
  io: Io,
): Promise<ExitCode> {
  const inspections: Inspection[] = [];
  const code = await forEachCheckpoint(files, io, async (checkpoint) => {
    inspections.push(await inspectCheckpoint(checkpoint, orOverview(selection)));
  });
  await io.out(`${toJson(inspections)}\n`);
  return code;
}

const orOverview = (selection: InspectionSelection): InspectionSelection =>
  selection.parts.size > 0 ? selection : { ...selection, parts: new Set(OVERVIEW_PARTS) };

type Checkpoint = Parameters<typeof inspectCheckpoint>[0];

async function renderInspection(
  checkpoint: Checkpoint,
  selection: InspectionSelection,
  io: Io,
): Promise<string> {
  // Measuring text for a terminal takes a tenth of the start; JSON needs none of it.
  const { overviewPage, selectionPage } = await import('./views/inspection.ts');
  const view = { width: io.columns, color: io.color };
  const inspection = await inspectCheckpoint(checkpoint, orOverview(selection));
  return selection.parts.size > 0
    ? selectionPage(inspection, selection.parts, view)
    : overviewPage(inspection, view);
}

/** Prints one archive as `exhibit inspect` does; without `selection` the overview. For commands that end with it. */
export function printInspection(
  path: string,
  io: Io,
  selection: InspectionSelection = { parts: new Set() },
): Promise<ExitCode> {
  return withCheckpoint(path, io, async (checkpoint) =>
    io.out(await renderInspection(checkpoint, selection, io)),
  );
}
