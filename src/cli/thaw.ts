import type { Command } from 'commander';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { formatTarget } from '../capture/target.ts';
import { thawContainer } from '../capture/thaw.ts';
import { type AccessFlags, addAccessOptions } from './access-options.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { findContainer, type TargetFlags } from './target-argument.ts';
import { toJson } from './terminal/escape.ts';

interface ThawOptions extends TargetFlags, AccessFlags {
  readonly json?: true;
}

const EXAMPLES = `
Run it on the container's node, as root. A checkpoint that ran out of time leaves a container paused, and Kubernetes still
says that it runs. containerd is asked to resume it; what stands still otherwise is released in its control group.
A container that is being checkpointed is left alone.

Examples:
  exhibit thaw shop/web/app
  exhibit thaw -n shop web -c app --json | jq -r .before`;

export const configure: ConfigureCommand = (command, io, finish) => {
  addAccessOptions(command.argument('<pod>', 'NAMESPACE/POD[/CONTAINER], POD or pod/POD'))
    .option('-n, --namespace <namespace>', 'namespace of the pod')
    .option('-c, --container <container>', 'container of the pod (default: its only one)')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (pod: string, options: ThawOptions) => finish(await thaw(pod, options, command, io)));
};

async function thaw(text: string, options: ThawOptions, command: Command, io: Io): Promise<ExitCode> {
  const { target, id } = await findContainer(text, options, command, io);
  if (id === undefined) {
    const where = `${formatTarget(target)} does not run on this machine: thaw it on its node, as root`;
    throw new ExhibitError('CONTAINER_NOT_FOUND', where);
  }
  const { before, by } = await thawContainer(id);
  const { namespace, pod, container } = target;
  const what = before === 'running' ? 'it did not stand still' : `it stood still and runs again (${by})`;
  if (options.json) await io.out(`${toJson({ namespace, pod, container, container_id: id, before, by })}\n`);
  else await io.out(`${formatTarget(target)}: ${what}\n`);
  return ExitCode.done;
}
