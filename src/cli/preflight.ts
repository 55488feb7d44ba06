import type { Command } from 'commander';
import { type PreflightReport, runPreflight } from '../capture/preflight/preflight.ts';
import { type AccessFlags, addAccessOptions } from './access-options.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { findContainer, type TargetFlags } from './target-argument.ts';
import { toJson } from './terminal/escape.ts';
import { preflightLines } from './views/preflight.ts';

interface PreflightOptions extends TargetFlags, AccessFlags {
  readonly json?: true;
}

const EXAMPLES = `
Run it on the container's node, as root. It reads /proc and a few files: nothing is changed, nothing stands still.
It looks for what CRIU refuses (an io_uring, established TCP, file locks, file watches, deleted files, unix sockets that
lead out of the container; each against the options that runc or crun hand to CRIU), for CRIU itself, for a container
that stands still already or that ends by being captured, and for room on the node's disks. "exhibit capture" does the
same before it begins.
Exit codes: 0 nothing found; 1 a checkpoint would fail, or it could not look; 2 wrong command line; 3 it may fail.

Examples:
  exhibit preflight shop/web/app
  exhibit preflight shop/web/app --json | jq -r '.obstacles[] | .id, .cure[]'`;

export const configure: ConfigureCommand = (command, io, finish) => {
  addAccessOptions(command.argument('<pod>', 'NAMESPACE/POD[/CONTAINER], POD or pod/POD'))
    .option('-n, --namespace <namespace>', 'namespace of the pod')
    .option('-c, --container <container>', 'container of the pod (default: its only one)')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (pod: string, options: PreflightOptions) =>
      finish(await preflight(pod, options, command, io)),
    );
};

const CODES: Readonly<Record<PreflightReport['verdict'], ExitCode>> = {
  clear: ExitCode.done,
  doubtful: ExitCode.damaged,
  refusal: ExitCode.failed,
  unknown: ExitCode.failed,
};

async function preflight(
  text: string,
  options: PreflightOptions,
  command: Command,
  io: Io,
): Promise<ExitCode> {
  const { target, id } = await findContainer(text, options, command, io);
  const report = await runPreflight(target, id);
  await io.out(options.json ? `${toJson(report)}\n` : preflightLines(report));
  return CODES[report.verdict];
}
