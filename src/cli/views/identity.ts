import type { Inspection } from '../../export/inspection.ts';
import { formatAge, formatBytes, formatMicroseconds, formatTime } from '../terminal/format.ts';
import { type Line, renderLine, styled } from '../terminal/line.ts';
import { captureFacts } from './capture-limits.ts';
import { factList, remark, section, type ViewOptions } from './section.ts';

/** What was captured, where, when, and in what archive. */
export function identityView(inspection: Inspection, options: ViewOptions): string {
  const { pod, engine, runtime } = inspection;
  const name = inspection.container_name || inspection.id.slice(0, 12) || 'unnamed';
  const title: Line = pod
    ? [styled(name, 'name'), '  container of pod ', styled(`${pod.namespace}/${pod.name}`, 'name')]
    : [styled(name, 'name'), '  container'];
  const facts = factList(
    [
      ['image', inspection.image],
      ['image id', inspection.image_id],
      ['container id', inspection.id],
      ['pod uid', pod?.uid],
      ['engine', runtime === '' ? engine : `${engine}, runtime ${runtime}`],
      ['hostname', inspection.hostname],
      ['address', [inspection.ip, inspection.mac].filter((part) => part !== undefined).join(', ')],
      ['created', inspection.created_at && formatTime(inspection.created_at)],
      ['checkpointed', checkpointedLine(inspection)],
      ...captureFacts(inspection),
      ['archive', archiveLine(inspection)],
    ],
    options,
  );
  return `${renderLine(title, options.color)}\n${facts}`;
}

function checkpointedLine({ created_at, checkpointed_at, engine, statistics, capture }: Inspection): string {
  const age = created_at && checkpointed_at && formatAge(created_at, checkpointed_at);
  return [
    checkpointed_at
      ? formatTime(checkpointed_at)
      : engine === 'unknown'
        ? 'time unknown'
        : `${engine} does not record when`,
    age && age !== '0 s' && `${age} after its creation`,
    // What was captured without CRIU has a line of its own for that.
    statistics && !capture && `frozen by CRIU for ${formatMicroseconds(statistics.frozen_time)}`,
  ]
    .filter((part) => part)
    .join(', ');
}

function archiveLine({ archive, archive_size, compression, checkpoint_size }: Inspection): string {
  const packed = compression === 'none' ? '' : ` (${compression})`;
  const { memory_pages_size: memory, root_fs_diff_size: rootfs } = checkpoint_size;
  return `${archive}, ${formatBytes(archive_size)}${packed}; memory ${formatBytes(memory)}, root filesystem changes ${formatBytes(rootfs)}`;
}

/** CRIU's own counts of the dump; nothing when they were not asked for or are not there, or where CRIU had no part in it. */
export function statisticsView({ statistics, capture }: Inspection, options: ViewOptions): string {
  if (!statistics || capture) return '';
  const facts = factList(
    [
      ['freezing', formatMicroseconds(statistics.freezing_time)],
      ['frozen', formatMicroseconds(statistics.frozen_time)],
      ['memory dump', formatMicroseconds(statistics.memdump_time)],
      ['memory write', formatMicroseconds(statistics.memwrite_time)],
      ['pages', `${statistics.pages_scanned} scanned, ${statistics.pages_written} written`],
    ],
    options,
  );
  const caveat = 'The engine keeps a container frozen for longer than CRIU counts.';
  return section('STATISTICS', 'CRIU', facts + remark(caveat, options), options);
}

/** The annotations that the engine and Kubernetes wrote into the runtime configuration. */
export function metadataView({ metadata }: Inspection, options: ViewOptions): string {
  if (!metadata) return '';
  const annotations = Object.entries(metadata.annotations ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const body = annotations.length > 0 ? factList(annotations, options) : remark('No annotations.', options);
  return section('METADATA', '', body, options);
}
