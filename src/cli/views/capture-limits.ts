/** What was captured without CRIU: how that was, and where each view falls short of what CRIU would show. */
import type { CaptureRecord, Hidden, HiddenTopic } from '../../archive/capture-record.ts';
import { unreadableOf } from '../../checkpoint/live-capture.ts';
import type { Inspection } from '../../export/inspection.ts';
import { formatCount, formatMicroseconds, formatTime } from '../terminal/format.ts';
import { styled } from '../terminal/line.ts';
import { renderTable } from '../terminal/table.ts';
import type { ViewOptions } from './section.ts';

type Captured = Pick<Inspection, 'capture'>;

/** For commands that tell many archives. */
export const NOT_RESTORABLE = 'captured without CRIU: nothing can be restored from it';

/** Names and values for the identity of an archive. */
export function captureFacts({ capture }: Captured): readonly (readonly [string, string | undefined])[] {
  if (!capture) return [];
  const { program, node, companion } = capture;
  const kernel = [node.kernel && `Linux ${node.kernel}`, node.machine].filter((part) => part).join(' ');
  const booted = node.booted && `up since ${formatTime(node.booted)}`;
  return [
    ['captured', `without CRIU, by ${program || 'exhibit'}: nothing can be restored from it`],
    ['stood still', standstill(capture)],
    ['node', [node.hostname, kernel, booted].filter((part) => part).join(', ')],
    [
      'also captured',
      companion && `${companion.seconds_later} s later, through ${companion.route}: ${companion.archive}`,
    ],
  ];
}

function standstill({ consistency, standstill: stood }: NonNullable<Captured['capture']>): string {
  if (consistency !== 'frozen')
    return 'no: it ran while it was read, and parts of this can contradict each other';
  if (!stood) return 'for a time that was not recorded';
  const length = `for ${formatMicroseconds(Math.round(stood.seconds * 1e6))} from ${formatTime(stood.from)}`;
  return stood.before ? `${length}, and already before; it was left so` : length;
}

/** A line for each thing that the capture cannot show of these topics; empty for what CRIU wrote. */
export function hiddenLines(
  { capture }: Captured,
  topics: readonly HiddenTopic[],
  options: ViewOptions,
): string {
  return renderHidden(capture?.hidden ?? [], topics, options);
}

export function renderHidden(
  hidden: readonly Hidden[],
  topics: readonly HiddenTopic[],
  options: ViewOptions,
): string {
  const texts = hidden.flatMap(({ topic, text }) => (topics.includes(topic) ? [text] : []));
  return paragraph(texts, options);
}

/** More ranges than this say nothing new; the JSON has all. */
const MAX_RANGES = 20;

/** Which pages of a process, or without one of shared objects, could not be read; empty where all were, and for what CRIU wrote. */
export function renderUnreadable(
  capture: Pick<CaptureRecord, 'unreadable'> | undefined,
  pid: number | undefined,
  options: ViewOptions,
): string {
  const ranges = capture ? unreadableOf(capture, pid) : [];
  const told = ranges.slice(0, MAX_RANGES).map(({ start, pages, shared_object }) => {
    const where = shared_object === undefined ? start : `${start} of shared memory ${shared_object}`;
    return `could not be read, and is zeros here: ${formatCount(pages, 'page')} from ${where}`;
  });
  const rest = ranges.length - told.length;
  const more = rest > 0 ? [`and ${formatCount(rest, 'range')} more: --json`] : [];
  return paragraph([...told, ...more], options);
}

/** Sentences below a list, wrapped to the terminal. */
export function paragraph(texts: readonly string[], options: ViewOptions): string {
  if (texts.length === 0) return '';
  const rows = texts.map((text) => [[styled(text, 'structure')]]);
  const columns = [{ title: '', overflow: 'wrap' }] as const;
  return renderTable(columns, rows, { ...options, indent: 2, header: false });
}
