/** Is CRIU where the runtime finds it, and does its own check of the kernel pass? `criu check` changes nothing. */
import { TOO_OLD_FOR_KERNEL } from '../criu-advice.ts';
import type { Finding } from './finding.ts';
import { findProgram } from './host-process.ts';
import type { NodeFacts } from './node-facts.ts';
import { isAtLeast, parseVersion } from './version.ts';

const ABOUT = { id: 'criu', title: 'CRIU' } as const;

/** Older ones are refused by containerd and CRI-O before they are run ("too old (<31600)"). */
const OLDEST = [3, 16, 0] as const;

export async function checkCriu({ probe, folders, foldersOf, installCommand }: NodeFacts): Promise<Finding> {
  const program = await findProgram(probe, 'criu', folders);
  if (program === undefined) {
    const evidence = `${foldersOf} finds no criu in ${folders.join(':')}`;
    return { ...ABOUT, status: 'failure', evidence, cure: [installCommand('criu')] };
  }
  const version = /Version: (\S+)/.exec(program.said)?.[1] ?? 'of unknown version';
  const kernel = (await probe.read('/proc/sys/kernel/osrelease'))?.trim() ?? 'unknown';
  const seen = `${program.file} ${version}, Linux ${kernel}`;
  const numbers = parseVersion(version);
  if (numbers && !isAtLeast(numbers, OLDEST)) {
    const cure = [`install CRIU ${OLDEST.join('.')} or later`];
    return { ...ABOUT, status: 'failure', evidence: `${seen}: container runtimes refuse one so old`, cure };
  }
  return judge(seen, await probe.run(program.file, ['check']), probe.isRoot);
}

type CheckAnswer = { readonly text: string; readonly code: number } | undefined;

function judge(seen: string, check: CheckAnswer, isRoot: boolean): Finding {
  if (check?.code === 0)
    return { ...ABOUT, status: 'ok', evidence: `${seen}: "criu check" passes`, cure: [] };
  if (!isRoot) {
    return {
      ...ABOUT,
      status: 'unknown',
      evidence: `${seen}: "criu check" needs root`,
      cure: ['run this as root'],
    };
  }
  if (check === undefined) {
    return { ...ABOUT, status: 'unknown', evidence: `${seen}: "criu check" did not end`, cure: [] };
  }
  const lines = check.text.trim().split('\n');
  const known = lines.find((line) => line.includes(TOO_OLD_FOR_KERNEL.said));
  const said = known ?? lines.at(-1) ?? '';
  const cure =
    known === undefined
      ? 'install a newer CRIU; if its check fails still, the kernel lacks what CRIU needs'
      : TOO_OLD_FOR_KERNEL.cure;
  return { ...ABOUT, status: 'failure', evidence: `${seen}: "criu check" fails: ${said}`, cure: [cure] };
}
