import type { Finding } from './finding.ts';
import type { NodeProbe } from './node-probe.ts';

/** Is CRIU there, and does its own check of the kernel pass? `criu check` changes nothing. */
export async function checkCriu(node: NodeProbe): Promise<Finding> {
  const about = { id: 'criu', title: 'CRIU' } as const;
  const version = await node.run('criu', ['--version']);
  if (version === undefined) {
    const evidence = 'no program criu could be run with the PATH of this shell';
    return { ...about, status: 'failure', evidence, cure: ['apt-get install criu'] };
  }
  const number = /Version: (\S+)/.exec(version.text)?.[1] ?? 'of unknown version';
  const check = await node.run('criu', ['check']);
  if (check === undefined) {
    return { ...about, status: 'unknown', evidence: `criu ${number}; "criu check" did not end`, cure: [] };
  }
  if (check.code === 0) {
    return { ...about, status: 'ok', evidence: `criu ${number}; "criu check" passes`, cure: [] };
  }
  const said = check.text.trim().split('\n').at(-1) ?? '';
  const evidence = `criu ${number}; "criu check" fails: ${said}`;
  const cure = ['run it as root; if it fails still, install a CRIU made for this kernel (4.x for Linux 6.x)'];
  return { ...about, status: 'failure', evidence, cure };
}
