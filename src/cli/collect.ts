import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type Chosen, type Collection, collect, type Wanted } from '../capture/collect/collect.ts';
import { CLUSTER_RULES, formatRules, HELPER_RULES } from '../capture/collect/grants.ts';
import type { NodeFailure } from '../capture/collect/node-archives.ts';
import { identifyArchive, isOfAnother } from './archive-identity.ts';
import {
  addHelperOptions,
  collectSettings,
  type HelperCommandOptions,
  openCluster,
} from './collect-options.ts';
import type { ConfigureCommand } from './command.ts';
import { interruptible } from './interruption.ts';
import { ExitCode, type Io } from './io.ts';
import { readTarget } from './target-argument.ts';
import { toJson } from './terminal/escape.ts';
import {
  ambiguityLines,
  chosenLines,
  collectedLines,
  failureLines,
  type IdentifiedArchive,
  otherLines,
  watchCollect,
} from './views/collect.ts';

interface CollectCommandOptions extends HelperCommandOptions {
  readonly namespace?: string;
  readonly container?: string;
  readonly node?: string;
  readonly path?: string;
  readonly all?: true;
  readonly olderThan?: number;
  readonly newerThan?: number;
  readonly output: string;
  readonly force?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

const EXAMPLES = `
The archive is streamed off its node through a pod that is made there for it: it mounts the checkpoints folder, read-only,
and nothing else of the node, holds no token and no capability, and is removed whatever happens. The archive is hashed on
the node and here; a cut stream is gone on with, and so is a FILE.part that an earlier run left.

You need to be allowed, in the namespace of the helper pod: ${formatRules(HELPER_RULES)}.
Besides, pods: get in the namespace of the captured pod. For --all, and where that pod is gone: ${formatRules(CLUSTER_RULES)}.

Examples:
  exhibit collect shop/web                                   the newest archive of the pod
  exhibit collect shop/web/app -o ~/case-7
  exhibit collect --node n1 --path checkpoint-web_shop-app-2026-11-24T10:45:18Z.tar
  exhibit collect --all --newer-than 24h --dry-run           which ones, on every node
  exhibit collect --all --node n1 -o ~/case-7 --json
  exhibit collect shop/web --helper-namespace forensics --image registry.local/busybox:1`;

export const configure: ConfigureCommand = (command, io, finish) => {
  addHelperOptions(command.argument('[pod]', 'NAMESPACE/POD[/CONTAINER], POD or pod/POD'))
    .option('-n, --namespace <namespace>', 'namespace of the pod')
    .option('-c, --container <container>', 'container of the pod (default: any)')
    .option('--node <name>', 'name of the node (default: where the pod runs; with --all every one)')
    .option('--path <file>', 'the archive on that node, by its path or its name')
    .option('--all', 'every archive that fits, not only the newest')
    .option('--older-than <time>', 'only archives written longer ago: 30m, 24h, 7d', parseDuration)
    .option('--newer-than <time>', 'only archives written since', parseDuration)
    .option('-o, --output <dir>', 'folder for the archives, made if need be', '.')
    .option('--force', 'write over another file of the same name')
    .option('--dry-run', 'only say which archives')
    .option('--json', 'print a report as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (pod: string | undefined, options: CollectCommandOptions) => {
      finish(await runCollect(pod, options, command, io));
    });
};

const MILLISECONDS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 };

function parseDuration(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const unitLength = MILLISECONDS[unit];
  if (unitLength !== undefined) return Number(digits) * unitLength;
  throw new InvalidArgumentError('It must be a number with s, m, h or d, such as 30m or 7d.');
}

/** What `exhibit collect --json` prints. */
interface CollectReport {
  /** With --dry-run: what would be collected. */
  readonly chosen?: readonly Chosen[];
  readonly collected: readonly IdentifiedArchive[];
  readonly failures: readonly FailureReport[];
}

interface Result {
  readonly chosen: readonly Chosen[];
  readonly collected: readonly IdentifiedArchive[];
  readonly failures: readonly NodeFailure[];
}

interface FailureReport {
  readonly node: string;
  readonly archive?: string | undefined;
  readonly error: { readonly code: string; readonly message: string };
}

async function runCollect(
  pod: string | undefined,
  options: CollectCommandOptions,
  command: Command,
  io: Io,
): Promise<ExitCode> {
  // Before anything is looked up: what cannot be read is a usage error.
  readWanted(pod, options, undefined, command);
  const access = await openCluster(options, io);
  const wanted = readWanted(pod, options, access.namespace, command);
  const folder = resolve(io.workingDirectory, options.output);
  if (!options.dryRun) await makeFolder(folder);
  const watch = watchCollect(io);
  let chosen: readonly Chosen[] = [];
  const onChosen = (found: readonly Chosen[]): boolean => {
    chosen = found;
    return !options.dryRun;
  };
  const { onProgress, tell } = watch;
  try {
    const collection = await interruptible(io, (signal) => {
      const settings = collectSettings(options, access, io, { signal, tell });
      const force = options.force === true;
      return collect(access, wanted, settings, { folder, force, onProgress, onChosen });
    });
    watch.end();
    const { archives, isSurprising } = await identifyAll(collection, wanted, io);
    const code = await tellResult({ ...collection, chosen, collected: archives }, options, io);
    return isSurprising && code === ExitCode.done ? ExitCode.damaged : code;
  } finally {
    watch.end();
  }
}

async function tellResult(
  { chosen, collected, failures }: Result,
  { json, dryRun }: CollectCommandOptions,
  io: Io,
): Promise<ExitCode> {
  io.err((dryRun ? ambiguityLines(chosen) : '') + failureLines(failures));
  const report: CollectReport = {
    ...(dryRun ? { chosen } : {}),
    collected,
    failures: failures.map(reportFailure),
  };
  if (json) await io.out(`${toJson(report)}\n`);
  else if (dryRun) await io.out(chosenLines(chosen));
  else await io.out(collected.map(collectedLines).join('\n'));
  if (chosen.length === 0 && !json) io.err('no archive fits\n');
  if (failures.length === 0) return ExitCode.done;
  return chosen.length === 0 ? ExitCode.failed : ExitCode.damaged;
}

async function identifyAll(
  { collected }: Collection,
  wanted: Wanted,
  io: Io,
): Promise<{ readonly archives: readonly IdentifiedArchive[]; readonly isSurprising: boolean }> {
  const target = wanted.kind === 'file' ? undefined : wanted.filter.target;
  const archives: IdentifiedArchive[] = [];
  let isSurprising = false;
  for (const archive of collected) {
    const content = await identifyArchive(archive.file, io);
    archives.push({ ...archive, content });
    if (target === undefined || !isOfAnother(content, target)) continue;
    isSurprising = true;
    io.err(otherLines(archive, content, target));
  }
  return { archives, isSurprising };
}

function reportFailure({ node, archive, error: { code, message } }: NodeFailure): FailureReport {
  return { node, archive, error: { code, message } };
}

function readWanted(
  pod: string | undefined,
  options: CollectCommandOptions,
  defaultNamespace: string | undefined,
  command: Command,
): Wanted {
  const { node, path, all, olderThan, newerThan } = options;
  if (path !== undefined) {
    if (node === undefined) command.error('error: --path needs --node');
    if (pod !== undefined || all) command.error('error: --path names the one archive: no pod and no --all');
    return { kind: 'file', node, path };
  }
  if (pod === undefined && !all) command.error('error: name a pod, or --node and --path, or --all');
  const target = pod === undefined ? undefined : readTarget(pod, options, defaultNamespace, command);
  const now = Date.now();
  const before = olderThan === undefined ? undefined : now - olderThan;
  const after = newerThan === undefined ? undefined : now - newerThan;
  return { kind: all ? 'all' : 'newest', node, filter: { target, before, after } };
}

/** Only its owner may look into a folder of evidence that is made here. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ExhibitError('WRITE_FAILED', `cannot make the folder ${folder}: ${reason}`, { cause });
  });
}
