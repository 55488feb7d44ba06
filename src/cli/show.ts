import { type Inspection, inspectCheckpoint } from '../export/inspection.ts';
import type { ConfigureCommand } from './command.ts';
import type { ExitCode, Io } from './io.ts';
import { forEachCheckpoint } from './open.ts';
import { toJson } from './terminal/escape.ts';
import { formatBytes } from './terminal/format.ts';
import { textWidth } from './terminal/line.ts';
import { renderTable } from './terminal/table.ts';
import { NOT_RESTORABLE } from './views/capture-limits.ts';
import { identityView } from './views/identity.ts';
import { remark } from './views/section.ts';

const EXAMPLES = `
Examples:
  exhibit show checkpoint.tar
  exhibit show --json *.tar | jq -r '.[] | [.archive, .image] | @tsv'`;

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .argument('<file...>', 'checkpoint archives')
    .option('--json', 'print JSON: the shape of `exhibit inspect --json`, without its parts')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], options: { readonly json?: true }) => {
      finish(await show(files, options.json === true, io));
    });
};

async function show(files: readonly string[], json: boolean, io: Io): Promise<ExitCode> {
  const inspections: Inspection[] = [];
  const code = await forEachCheckpoint(files, io, async (checkpoint) => {
    inspections.push(await inspectCheckpoint(checkpoint, { parts: new Set() }));
  });
  if (json) await io.out(`${toJson(inspections)}\n`);
  else if (inspections.length > 0) await io.out(tableOrBlocks(inspections, io));
  return code;
}

/** A table as long as nothing of it would have to be cut; on a narrow terminal, a block per archive. */
function tableOrBlocks(inspections: readonly Inspection[], io: Io): string {
  const table = showTable(inspections, io.color);
  const width = Math.max(...showTable(inspections, false).split('\n').map(textWidth));
  if (width <= io.columns) return table;
  return inspections
    .map((inspection) => identityView(inspection, { width: io.columns, color: io.color }))
    .join('\n');
}

function showTable(inspections: readonly Inspection[], color: boolean): string {
  const titles = [
    'CONTAINER',
    'IMAGE',
    'ID',
    'RUNTIME',
    'CREATED',
    'ENGINE',
    'NAMESPACE',
    'POD',
    'CHKPT SIZE',
    'ROOT FS DIFF SIZE',
  ];
  const rows = inspections.map((inspection) => [
    inspection.container_name,
    inspection.image,
    inspection.id.slice(0, 12),
    inspection.runtime,
    inspection.created,
    inspection.capture ? `${inspection.engine} *` : inspection.engine,
    inspection.pod?.namespace ?? '',
    inspection.pod?.name ?? '',
    formatBytes(inspection.checkpoint_size.total_size),
    formatBytes(inspection.checkpoint_size.root_fs_diff_size),
  ]);
  const view = { width: Number.POSITIVE_INFINITY, color };
  const table = renderTable(
    titles.map((title) => ({ title })),
    rows,
    view,
  );
  const hasOwn = inspections.some(({ capture }) => capture !== undefined);
  return hasOwn ? table + remark(`* ${NOT_RESTORABLE}`, view) : table;
}
