import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestNode } from '../node.ts';
import { succeeded } from '../process.ts';

const WORK = '/tmp/oracle';

/**
 * What other programs say of an archive:
 * crit/IMAGE.json for each CRIU image that `crit decode` reads, crit/IMAGE.err for each that it fails on,
 * and checkpointctl-inspect.json: the output and the exit code of `checkpointctl inspect --all`.
 */
export async function recordOracle(node: TestNode, archive: string, folder: string): Promise<void> {
  succeeded(['crit'], await node.exec(['sh', '-eu', '-c', CRIT, 'crit', archive]));
  mkdirSync(folder, { recursive: true });
  cpSync(node.hostPath(`${WORK}/crit`), join(folder, 'crit'), { recursive: true });
  const { code, stdout, stderr } = await node.exec([
    'checkpointctl',
    'inspect',
    '--all',
    '--format=json',
    archive,
  ]);
  writeJson(join(folder, 'checkpointctl-inspect.json'), { code, stdout: parsed(stdout), stderr });
}

/** pages-*.img and *.tar.gz.img are raw bytes without CRIU's framing. */
const CRIT = `
rm -rf ${WORK}
mkdir -p ${WORK}/archive ${WORK}/crit
tar -xf "$1" -C ${WORK}/archive
cd ${WORK}/archive
for image in checkpoint/*.img pre-checkpoint/*.img stats-dump; do
  case $image in */pages-* | *.tar.gz.img) continue ;; esac
  [ -f "$image" ] || continue
  out=${WORK}/crit/$(basename "$image")
  if crit decode -i "$image" >"$out.json" 2>"$out.err"; then rm "$out.err"; else rm "$out.json"; fi
done`;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, undefined, 1)}\n`);
}
