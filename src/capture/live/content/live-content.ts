/** All that lies beside CRIU's images in an archive, read once the container runs again. */
import type { GatheredContainer } from '../look/gathered.ts';
import { containerLog, type LogOwner } from './container-log.ts';
import type { ContentItem } from './content-item.ts';
import { openAttributes, WITHOUT_ATTRIBUTES } from './extended-attributes.ts';
import { rootChanges } from './root-changes.ts';
import { type RuntimeKnowledge, runtimeDocuments } from './runtime-documents.ts';
import { tmpfsContents } from './tmpfs-content.ts';

export interface LiveContent {
  /** To be read one after the other, in this order. */
  readonly items: readonly ContentItem[];
  /** What is not in there, and why; complete once all items have been read. */
  readonly gaps: readonly string[];
}

export interface ContentSubject {
  readonly container: GatheredContainer;
  readonly known: RuntimeKnowledge;
  /** Absent where the container belongs to no pod: then no kubelet keeps its log. */
  readonly logOwner?: LogOwner | undefined;
  readonly captured: Date;
  /** Where the node's own root filesystem is; empty on the node itself. */
  readonly nodeRoot?: string | undefined;
}

/** Opens what it can; nothing of it throws. */
export function liveContent({
  container,
  known,
  logOwner,
  captured,
  nodeRoot = '',
}: ContentSubject): LiveContent {
  const gaps: string[] = [];
  const [first] = container.processes;
  const log = logOwner === undefined ? undefined : containerLog(logOwner, gaps, nodeRoot);
  const attributes = openAttributes();
  if (attributes === undefined) gaps.push(WITHOUT_ATTRIBUTES);
  const changes = first === undefined ? undefined : rootChanges(first, gaps, nodeRoot, attributes);
  const items = [
    ...runtimeDocuments(container, known, captured, gaps, nodeRoot),
    ...(first === undefined ? [] : tmpfsContents(first, gaps, attributes)),
    ...(changes === undefined ? [] : [changes]),
    ...(log === undefined ? [] : [log]),
  ];
  return { items, gaps };
}
