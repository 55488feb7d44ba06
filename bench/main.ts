import { existsSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROW_LENGTH } from '../src/analysis/hex-rows.ts';
import {
  type BenchArchives,
  hasProgram,
  LISTED_ARCHIVES,
  prepareArchives,
  prepareFolder,
  recordedSizes,
} from './archives.ts';
import { benchCapture } from './capture.ts';
import { type Command, type Measurement, measure, RUNS } from './measure.ts';
import { type Checkpointctl, findCheckpointctl } from './peers.ts';

/*
 * `npm run bench [-- SIZE…]`: each job with its peer, one after the other on the same archive (SIZE in MiB, as recorded).
 * `npm run bench -- capture [MIB]` (root): captures of a running container (capture.ts).
 * A row says what was run, how long ours and the peer took, on the clock and of the processor, and by what the times differ.
 */

interface Job {
  readonly name: string;
  readonly ours: Command;
  readonly peers: readonly { readonly name: string; readonly command: Command | string }[];
}

const PROGRAM = join(import.meta.dirname, '../dist/exhibit.cjs');
const RULES = join(import.meta.dirname, '../test/golden/yara/rules.yar');
const MARKER = 'EXHIBIT-MARKER-';
/** No prefix that a skipping search could use, and bytes that must be there. */
const REGEX = '[A-Z]+-MARKER-[0-9]{8}';

/** MiB of the largest archive whose whole dump checkpointctl is waited for. */
const LARGEST_DUMPED = 1024;
/** MiB of each archive in the folder that is listed. */
const LISTED_SIZE = 1024;

async function main(argv: readonly string[]): Promise<void> {
  if (!existsSync(PROGRAM)) throw new Error('dist/exhibit.cjs is not there: npm run build');
  if (argv[0] === 'capture') {
    console.log(describeMachine());
    return benchCapture(Number(argv[1] ?? 1024));
  }
  const sizes = argv.length > 0 ? argv.map(Number) : recordedSizes();
  const checkpointctl = findCheckpointctl();
  console.log(`${describeMachine()}\n`);
  console.log(
    '| MiB | job | ours | processor | peak memory | peer | its time | processor | peer ÷ ours | by processor |',
  );
  console.log('|--:|---|--:|--:|--:|---|--:|--:|--:|--:|');
  try {
    for (const size of sizes) {
      const archives = await prepareArchives(size);
      for (const job of jobsOn(archives, checkpointctl)) await runJob(size, job);
      if (size === LISTED_SIZE)
        await runJob(size, listJob(await prepareFolder(archives.plain), checkpointctl));
    }
  } finally {
    if (typeof checkpointctl !== 'string') checkpointctl.close();
  }
}

function describeMachine(): string {
  const [first] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const date = new Date().toISOString().slice(0, 10);
  const load = readFileSync('/proc/loadavg', 'utf8').split(' ')[0];
  return `${cpus().length} × ${first?.model.trim()}, ${memory} GiB, Linux ${release()}, Node ${process.version}, load ${load}, ${date}; fastest of ${RUNS} unless the row says otherwise, warm cache`;
}

const exhibit = (...args: string[]): Command => ({ argv: [process.execPath, PROGRAM, ...args] });

function listJob(folder: string, checkpointctl: Checkpointctl | string): Job {
  return {
    name: `list, ${LISTED_ARCHIVES} archives`,
    ours: exhibit('list', folder),
    peers: [
      {
        name: 'checkpointctl list',
        command:
          typeof checkpointctl === 'string'
            ? checkpointctl
            : checkpointctl.command('list', checkpointctl.see(folder)),
      },
    ],
  };
}

/** A peer that reads a file of pages and knows nothing of archives. */
const onPages = (program: string, ...args: readonly string[]): Command | string =>
  hasProgram(program) ? { argv: [program, ...args] } : 'not there';

function jobsOn(archives: BenchArchives, checkpointctl: Checkpointctl | string): readonly Job[] {
  const { mebibytes, plain, gzip, zstd, programs, pages } = archives;
  const peer = (name: string, ...args: readonly string[]) => ({
    name: `checkpointctl ${name}`,
    command:
      typeof checkpointctl === 'string'
        ? checkpointctl
        : checkpointctl.command(...args.map((arg) => (arg === plain ? checkpointctl.see(plain) : arg))),
  });
  const grep = (...args: string[]) => ({
    name: `grep ${args.join(' ')}`,
    command: { argv: ['grep', ...args, plain], acceptsFailure: true } satisfies Command,
  });
  const dumpFile = join(tmpdir(), `exhibit-bench-${process.pid}.hex`);
  const removeDump = (): void => rmSync(dumpFile, { force: true });
  const dump: Command = {
    ...exhibit('memparse', '-p', '1', '-o', dumpFile, plain),
    cleanUp: removeDump,
  };
  return [
    {
      name: 'inspect --all --json',
      ours: exhibit('inspect', '--all', '--json', plain),
      peers: [peer('inspect --all', 'inspect', '--all', '--format', 'json', plain)],
    },
    {
      name: `memparse -s ${MARKER}`,
      ours: exhibit('memparse', '-s', MARKER, plain),
      peers: [grep('-c', '-a', MARKER), peer('memparse -s', 'memparse', '-p', '1', '-s', MARKER, plain)],
    },
    {
      name: `memparse -r ${REGEX}`,
      ours: exhibit('memparse', '-r', REGEX, plain),
      peers: [grep('-c', '-a', '-P', REGEX), peer('memparse -r', 'memparse', '-p', '1', '-r', REGEX, plain)],
    },
    {
      name: 'memparse -s, nothing found, any case',
      ours: exhibit('memparse', '-i', '-s', 'not-in-there', plain),
      peers: [grep('-c', '-a', '-i', 'not-in-there')],
    },
    {
      name: 'memory --strings --encoding ascii -n 8',
      ours: exhibit('memory', '--strings', '--encoding', 'ascii', '-n', '8', plain),
      peers: [
        {
          name: 'strings -a -n 8 -t x, of the pages file',
          command: onPages('strings', '-a', '-n', '8', '-t', 'x', pages),
        },
      ],
    },
    {
      name: 'memory --yara, 14 rules',
      ours: exhibit('memory', '--yara', RULES, plain),
      peers: [{ name: 'yara, of the pages file', command: onPages('yara', RULES, pages) }],
    },
    {
      name: 'memparse -p 1 -o (hex dump)',
      ours: dump,
      peers: [
        checkpointctlDump(archives, checkpointctl),
        {
          name: 'dd of as many zeros to the same disk',
          command: {
            argv: ['dd', 'if=/dev/zero', `of=${dumpFile}`, 'bs=1M', `count=${(mebibytes * ROW_LENGTH) / 16}`],
            cleanUp: removeDump,
          },
        },
      ],
    },
    ...packedJobs('', { gzip, zstd }),
    ...packedJobs(", programs' memory", programs),
  ];
}

/** Opening and searching, each against unpacking to nothing. */
function packedJobs(
  suffix: string,
  packed: { readonly gzip: string | undefined; readonly zstd: string | undefined } | undefined,
): readonly Job[] {
  const jobs = (archive: string | undefined, format: string, program: string): readonly Job[] => {
    if (archive === undefined || !hasProgram(program)) return [];
    const command: Command = { argv: ['sh', '-c', `exec ${program} "$0" >/dev/null`, archive] };
    const peers = [{ name: program, command }];
    return [
      {
        name: `inspect --all --json on ${format}${suffix}`,
        ours: exhibit('inspect', '--all', '--json', archive),
        peers,
      },
      { name: `memparse -s on ${format}${suffix}`, ours: exhibit('memparse', '-s', MARKER, archive), peers },
    ];
  };
  return [...jobs(packed?.gzip, 'gzip', 'zcat'), ...jobs(packed?.zstd, 'zstd', 'zstdcat')];
}

/**
 * Takes five minutes for 1 GiB (0.3 s of the processor a MiB), and is run to its end, once, for archives of that size, so that
 * the ratio is measured.
 */
function checkpointctlDump(
  { mebibytes, plain }: BenchArchives,
  checkpointctl: Checkpointctl | string,
): Job['peers'][number] {
  const name = 'checkpointctl memparse -o';
  if (typeof checkpointctl === 'string') return { name, command: checkpointctl };
  const output = '/tmp/exhibit-bench/dump.txt';
  const command = checkpointctl.command('memparse', '-p', '1', '-o', output, checkpointctl.see(plain));
  return { name, command: mebibytes > LARGEST_DUMPED ? command : { ...command, limitSeconds: 600 } };
}

async function runJob(size: number, job: Job): Promise<void> {
  const ours = await measure(job.ours);
  const memory = ours.peakMemory === undefined ? '?' : `${(ours.peakMemory / 1e6).toFixed(0)} MB`;
  for (const { name, command } of job.peers) {
    const theirs = typeof command === 'string' ? command : await measure(command).catch(reasonOf);
    const row = [size, job.name, ...times(ours), memory, name, ...compare(ours, theirs)];
    console.log(`| ${row.join(' | ')} |`);
  }
}

/** A peer that fails is no reason to stop: its row says so. */
const reasonOf = (error: unknown): string =>
  `failed: ${String(error instanceof Error ? error.message : error)
    .replaceAll(/\s+/g, ' ')
    .slice(-100)}`;

function compare(ours: Measurement, theirs: Measurement | string): readonly string[] {
  if (typeof theirs === 'string') return [theirs, '–', '–', '–'];
  const sign = theirs.isStopped ? '> ' : '';
  const ratio = (a: number, b: number): string => `${sign}${(a / b).toFixed(1)} ×`;
  return [
    ...times(theirs),
    ratio(theirs.seconds, ours.seconds),
    ratio(theirs.processorSeconds, ours.processorSeconds),
  ];
}

const times = (measured: Measurement): readonly [string, string] => {
  const { seconds, processorSeconds, isStopped, limitSeconds, runs } = measured;
  const time = isStopped ? `> ${limitSeconds} s` : `${seconds.toFixed(2)} s`;
  return [
    runs < RUNS ? `${time} (${runs} run${runs > 1 ? 's' : ''})` : time,
    `${processorSeconds.toFixed(2)} s`,
  ];
};

await main(process.argv.slice(2));
