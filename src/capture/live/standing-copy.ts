/** All that is done while the container stands still: look at everything, plan its memory, copy that to its place. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { ArchiveFile } from './archive-file.ts';
import { DeletedFiles } from './files/deleted-files.ts';
import { gatherContainer } from './look/gather.ts';
import type { GatheredContainer } from './look/gathered.ts';
import type { KernelAnswers, KernelQuestions } from './look/kernel-questions.ts';
import type { CopyLane } from './memory/copy-lane.ts';
import { type CopyResult, copyMemory } from './memory/memory-copy.ts';
import { type MemoryPlan, planMemory } from './memory/memory-plan.ts';
import type { PageChoice } from './memory/page-choice.ts';
import type { ZeroPages } from './memory/pagemap-file.ts';
import type { PlannedProcess } from './memory/shared-objects.ts';
import { type Mapping, parseMappings } from './proc/mappings.ts';
import { containerNumber, parseStatus, pidNamespaceDepth } from './proc/status.ts';

export interface StandingCopy {
  readonly container: GatheredContainer;
  /** By the node's number of the process. */
  readonly mappings: ReadonlyMap<number, readonly Mapping[]>;
  readonly plan: MemoryPlan;
  readonly copied: CopyResult;
  /** What system calls told. */
  readonly answers: KernelAnswers;
  /** Held open; whoever has the copy closes them. */
  readonly deleted: DeletedFiles;
}

export interface CopyWish {
  readonly questions: KernelQuestions;
  readonly allPages: boolean;
  readonly zeroPages: ZeroPages;
  readonly lanes: readonly CopyLane[];
  readonly signal?: AbortSignal | undefined;
  /** Hears how many bytes of memory are copied, and of how many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

type Look = Pick<StandingCopy, 'container' | 'mappings' | 'plan'>;
type LookWish = Omit<PageChoice, 'pageSize'>;

/**
 * Looks at this program itself, for nothing but that the code is compiled when the container stands: a first look takes half
 * as long again as a second one, 15 ms of 45 with a process of 1 GiB.
 */
export function rehearse(wish: LookWish): void {
  lookAt([process.pid], wish);
}

/** Throws `CONTAINER_NOT_RUNNING`. */
function lookAt(pids: readonly number[], wish: LookWish): Look {
  const container = gatherContainer(pids);
  if (container.processes.every(({ files }) => !files.maps)) throw ended();
  const mappings = new Map(
    container.processes.map(({ pid, files }) => [pid, parseMappings(files.smaps ?? files.maps ?? '')]),
  );
  const { pageSize } = container.node;
  const plan = planMemory(plannedProcesses(container, mappings), { ...wish, pageSize });
  return { container, mappings, plan };
}

/**
 * `pids` as the node counts, the container's first process first. Throws `CONTAINER_NOT_RUNNING` where none of them is there
 * any more, `WRITE_FAILED` where the archive cannot take the memory.
 */
export async function copyStanding(
  pids: readonly number[],
  archive: ArchiveFile,
  wish: CopyWish,
): Promise<StandingCopy> {
  const { container, mappings, plan } = lookAt(pids, wish);
  const answers = wish.questions.ask(container);
  const deleted = DeletedFiles.hold(container);
  try {
    const offsetOf = archive.placePages(plan.images);
    const copied = await copyMemory(
      plan,
      { ...archive.target, offsetOf },
      { lanes: wish.lanes, signal: wish.signal, onProgress: (done) => wish.onProgress?.(done, plan.bytes) },
    );
    return { container, mappings, plan, copied, answers, deleted };
  } catch (error) {
    deleted.close();
    throw error;
  }
}

function plannedProcesses(
  { processes }: GatheredContainer,
  mappings: StandingCopy['mappings'],
): readonly PlannedProcess[] {
  const depth = pidNamespaceDepth(processes[0]);
  return processes.map(({ pid, files, descriptors }) => ({
    pid,
    containerPid: containerNumber(parseStatus(files.status), depth) ?? pid,
    mappings: mappings.get(pid) ?? [],
    descriptors,
    mountinfo: files.mountinfo ?? '',
  }));
}

const ended = (): ExhibitError =>
  new ExhibitError('CONTAINER_NOT_RUNNING', 'the container ended before its processes could be read');
