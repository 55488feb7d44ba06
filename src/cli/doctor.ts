import { examineNode } from '../capture/doctor/examination.ts';
import type { Finding } from '../capture/doctor/finding.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { escapeText, toJson } from './terminal/escape.ts';

const EXAMPLES = `
Run it on the node, as root. It looks at CRIU, at the tar that containerd finds, and at the
options that runc hands to CRIU; it changes nothing and prints the cure to paste.
Exit codes: 0 no failure found (warnings and unknowns are told); 1 a failure; 2 wrong command line.

Examples:
  exhibit doctor
  exhibit doctor --json | jq '.[] | select(.status != "ok")'`;

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .option('--json', 'print JSON: an array of findings')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { readonly json?: true }) => finish(await examine(options.json === true, io)));
};

async function examine(json: boolean, io: Io): Promise<ExitCode> {
  const findings = await examineNode();
  await io.out(json ? `${toJson(findings)}\n` : findings.map(describe).join(''));
  return findings.some(({ status }) => status === 'failure') ? ExitCode.failed : ExitCode.done;
}

function describe({ status, title, evidence, cure }: Finding): string {
  const lines = [`${status.padEnd(8)} ${title}: ${evidence}`, ...cure.map((line) => `           ${line}`)];
  return lines.map((line) => `${escapeText(line)}\n`).join('');
}
