/**
 * What captures without CRIU left that were killed: archives that are not whole (NAME.tar.part), as large as what had been
 * copied. The next capture of the same container removes them; one of a container that is gone never comes.
 */
import path from 'node:path';
import { CHECKPOINTS_FOLDER, isUnfinished } from '../checkpoint-file.ts';
import type { Removal } from './change.ts';
import { changeCommands } from './change.ts';
import { checkpointsFolder, size } from './disk.ts';
import type { Finding } from './finding.ts';
import type { NodeFacts } from './node-facts.ts';
import { withheld } from './node-facts.ts';

/** A capture that runs holds its file open, but for the moment between closing it and giving it its name; milliseconds. */
const SETTLED = 60_000;

/** Each is told with its command; a node on which more captures were killed is looked at again after these. */
const MAX_TOLD = 100;

export async function checkLeftovers({ probe, kubelet }: NodeFacts): Promise<Finding> {
  const about = { id: 'leftovers', title: 'unfinished archives' } as const;
  const folders = [...new Set([CHECKPOINTS_FOLDER, checkpointsFolder(kubelet)])];
  const named = await Promise.all(
    folders.map(async (folder) =>
      (await probe.list(folder)).filter(isUnfinished).map((name) => path.join(folder, name)),
    ),
  );
  const files = named.flat();
  const isHeld = files.length === 0 ? new Set() : await probe.openNames();
  const left: { readonly file: string; readonly bytes: number }[] = [];
  for (const file of files.filter((name) => !isHeld.has(path.basename(name)))) {
    const status = await probe.status(file);
    if (status && Date.now() - status.modified > SETTLED) left.push({ file, bytes: status.size });
  }
  if (left.length === 0) {
    const running = files.length === 0 ? '' : `; ${files.length} of captures that run`;
    return {
      ...about,
      status: 'ok',
      evidence: `none in ${folders.join(', ')}${running}${withheld(probe)}`,
      cure: [],
    };
  }
  const bytes = left.reduce((sum, each) => sum + each.bytes, 0);
  const evidence = `${left.length} of captures that were killed take ${size(bytes)} in ${folders.join(', ')}; no process holds them`;
  const fix = left.slice(0, MAX_TOLD).map(({ file }): Removal => ({ kind: 'removal', path: file }));
  return { ...about, status: 'warning', evidence, cure: fix.flatMap(changeCommands), fix };
}
