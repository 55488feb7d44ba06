import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { selectProcesses } from '../analysis/memory-selection.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Checkpoint, Process } from '../checkpoint/checkpoint.ts';
import { unreadableOf } from '../checkpoint/live-capture.ts';
import { NoteBook } from '../checkpoint/note-book.ts';
import type { RootFiles } from '../checkpoint/root-files.ts';
import { type ElfCore, writeElfCore } from '../export/elf-core/elf-core.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { collectPid } from './memory/options.ts';
import { withCheckpoint } from './open.ts';
import { tellError, tellWarnings } from './report.ts';
import { withRootFiles } from './root-files.ts';
import { sparseFile, writeError } from './sparse-file.ts';
import { toJson } from './terminal/escape.ts';
import { formatBytes } from './terminal/format.ts';
import { startProgress } from './terminal/progress.ts';
import { renderElfCore, type WrittenElfCore } from './views/elf-core.ts';

interface ElfCoreCommandOptions {
  readonly pid?: readonly number[];
  readonly all?: true;
  readonly output?: string;
  readonly rootfs?: string;
  readonly force?: true;
  readonly json?: true;
}

const EXAMPLES = `
A core file has the threads of a process with all registers, and its memory as far as the archive has it: what a
program changed. Unchanged pages of programs and libraries are not in an archive, unless the container wrote or deleted
those files. The others are filled in with --rootfs from the container's root filesystem, as a folder, a tar (podman export)
or an image in a tar (docker save, OCI layout); or gdb takes them from a folder as sysroot. Only the size of a file tells
whether it is the one that was mapped.
Core files hold all secrets that the process had in memory; they are written for you alone to read.

Examples:
  exhibit export elf-core checkpoint.tar --pid 7                     core.7
  exhibit export elf-core checkpoint.tar --pid 7 -o web.core
  exhibit export elf-core checkpoint.tar --pid 7 --rootfs rootfs     with the programs' and libraries' own pages
  exhibit export elf-core checkpoint.tar --all -o cores              cores/core.PID of each process
  gdb -iex 'set sysroot rootfs' rootfs/bin/web core.7               then: thread apply all backtrace`;

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .argument('<file>', 'checkpoint archive')
    .option('-p, --pid <pid>', 'of this process; may be given again', collectPid)
    .option('--all', 'of every process that has memory')
    .option(
      '-o, --output <path>',
      'the file to write, or the folder for the files of several processes (default: core.PID)',
    )
    .option('--rootfs <path>', 'fill in the unchanged pages of mapped files from this folder, tar or image')
    .option('--force', 'replace files that exist')
    .option('--json', 'print what was written as JSON, one object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, options: ElfCoreCommandOptions) => {
      if ((options.pid === undefined) !== (options.all === true)) {
        command.error('error: say of which process: --pid, or --all; inspect --ps-tree shows them all');
      }
      finish(await exportCores(file, options, io));
    });
};

/** What all cores of one call share. */
interface Export {
  readonly options: ElfCoreCommandOptions;
  readonly io: Io;
  readonly rootfs: RootFiles | undefined;
  readonly notes: NoteBook;
}

async function exportCores(file: string, options: ElfCoreCommandOptions, io: Io): Promise<ExitCode> {
  const shared = { options, io, rootfs: undefined, notes: new NoteBook() };
  if (options.rootfs === undefined) return exportAll(file, shared);
  let code: ExitCode = ExitCode.failed;
  await withRootFiles(options.rootfs, io, async (rootfs) => {
    code = await exportAll(file, { ...shared, rootfs });
  });
  return code;
}

async function exportAll(file: string, shared: Export): Promise<ExitCode> {
  const { options, io } = shared;
  let failed = false;
  const code = await withCheckpoint(file, io, async (checkpoint) => {
    const chosen = await selectProcesses(checkpoint, options.pid);
    const processes = options.all ? chosen.filter(({ state }) => state !== 'dead') : chosen;
    const isOne = !options.all && processes.length === 1;
    for (const process of processes) {
      const path = await outputPath(process, isOne, shared);
      const result = await exportCore(checkpoint, process, path, shared).catch((error: unknown) => {
        // One that cannot be written does not keep the others from being written.
        if (isOne || !(error instanceof ExhibitError)) throw error;
        failed = true;
        tellError(error, io);
      });
      if (result === undefined) continue;
      const told = { ...result, ...limitsOf(checkpoint, process.pid), output: path };
      await io.out(options.json ? `${toJson(told, 0)}\n` : renderElfCore(told));
    }
  });
  const noted = tellWarnings(file, shared.notes.all, io);
  if (failed) return ExitCode.failed;
  return code === ExitCode.done ? noted : code;
}

/** What a capture without CRIU could not see of what stands in a core file. */
function limitsOf({ capture }: Checkpoint, pid: number): Pick<WrittenElfCore, 'hidden' | 'unreadable'> {
  if (!capture) return {};
  const hidden = capture.hidden.filter(({ topic }) => ['memory', 'registers', 'signals'].includes(topic));
  // Shared objects may be mapped here, too.
  return { hidden, unreadable: [...unreadableOf(capture, pid), ...unreadableOf(capture, undefined)] };
}

/** As the user names files: relative to where the command runs. */
async function outputPath(
  { pid }: Process,
  isOne: boolean,
  { options: { output }, io }: Export,
): Promise<string> {
  const name = `core.${pid}`;
  if (output === undefined) return name;
  if (isOne) return output;
  await mkdir(resolve(io.workingDirectory, output), { recursive: true, mode: 0o700 }).catch(
    (cause: unknown) => {
      throw writeError(output, cause);
    },
  );
  return join(output, name);
}

/** Writes one core file, or none: an unfinished one would look like a process with less memory. */
async function exportCore(
  checkpoint: Checkpoint,
  process: Process,
  path: string,
  { options, io, rootfs, notes }: Export,
): Promise<ElfCore> {
  const progress = startProgress(io);
  const file = sparseFile(resolve(io.workingDirectory, path), {
    force: options.force === true,
    choice: 'name another with -o',
  });
  try {
    const core = await writeElfCore(checkpoint, process, file, {
      rootfs,
      onProgress: (done, total) =>
        progress.update(`writing ${path}: ${formatBytes(done)} of ${formatBytes(total)}`),
      onNote: (note) => notes.add(note),
    });
    await file.finish(core.size);
    return core;
  } catch (error) {
    await file.discard();
    throw error;
  } finally {
    progress.end();
  }
}
