import type { Inspection, InspectionPart } from '../../export/inspection.ts';
import { renderTable } from '../terminal/table.ts';
import { registerView, seccompView } from './confinement.ts';
import { fileView, heldFileView, logView, mountView, rootfsView } from './files.ts';
import { identityView, metadataView, statisticsView } from './identity.ts';
import { controlGroupView, ipcView, timerView } from './kernel.ts';
import { networkView } from './networks.ts';
import { mapsView, processView } from './processes.ts';
import { remark, section, type ViewOptions } from './section.ts';
import { socketView } from './sockets.ts';

/** The page that an examiner reads first. */
export function overviewPage(inspection: Inspection, options: ViewOptions): string {
  const brief = { ...options, brief: true };
  return [
    identityView(inspection, options),
    processView(inspection, brief),
    socketView(inspection, brief),
    fileView(inspection, brief),
    heldFileView(inspection, brief),
    rootfsView(inspection, brief),
    mountView(inspection, brief),
    noteView(inspection, options),
    // Who pipes the overview into a file wants no advice in it.
    Number.isFinite(options.width) ? `\n${remark(MORE, options)}` : '',
  ].join('');
}

const MORE = '--all adds threads, credentials, environment, memory maps, log, metadata.';

/** What was asked for, in full. */
export function selectionPage(
  inspection: Inspection,
  parts: ReadonlySet<InspectionPart>,
  options: ViewOptions,
): string {
  const full = { ...options, brief: false };
  const show = (part: InspectionPart, view: () => string): string => (parts.has(part) ? view() : '');
  return [
    identityView(inspection, options),
    statisticsView(inspection, options),
    metadataView(inspection, options),
    show('processes', () => processView(inspection, full)),
    show('sockets', () => socketView(inspection, full)),
    show('files', () => fileView(inspection, full)),
    show('held', () => heldFileView(inspection, full)),
    show('rootfs', () => rootfsView(inspection, full)),
    show('mounts', () => mountView(inspection, full)),
    show('log', () => logView(inspection, options)),
    show('timers', () => timerView(inspection, options)),
    show('ipc', () => ipcView(inspection, options)),
    show('network', () => networkView(inspection, options)),
    show('cgroups', () => controlGroupView(inspection, options)),
    show('maps', () => mapsView(inspection, options)),
    show('registers', () => registerView(inspection, options)),
    show('seccomp', () => seccompView(inspection, options)),
    noteView(inspection, options),
  ].join('');
}

/** What the reader should know beside what is shown. Warnings are told on stderr, where no page hides them. */
function noteView({ notes }: Inspection, options: ViewOptions): string {
  const rows = notes.flatMap(({ severity, message }) => (severity === 'info' ? [[message]] : []));
  if (rows.length === 0) return '';
  const columns = [{ title: '', overflow: 'wrap' }] as const;
  return section('NOTES', '', renderTable(columns, rows, { ...options, indent: 2, header: false }), options);
}
