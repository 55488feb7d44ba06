import type { MemorySizes } from '../../analysis/memory-sizes.ts';
import type { Io } from '../io.ts';
import { escapeText } from '../terminal/escape.ts';
import { formatBytes } from '../terminal/format.ts';
import { renderTable } from '../terminal/table.ts';

/** checkpointctl's table of one archive. */
export function renderMemorySizes(name: string, sizes: readonly MemorySizes[], io: Io): string {
  const rows = sizes.map(({ pid, comm, memory_size: own, shared_memory_size: shared }) => [
    String(pid),
    comm,
    formatBytes(own),
    formatBytes(shared),
  ]);
  const columns = [
    { title: 'PID', align: 'right' },
    { title: 'PROCESS NAME' },
    { title: 'MEMORY SIZE', align: 'right' },
    { title: 'SHARED MEMORY SIZE', align: 'right' },
  ] as const;
  const table = renderTable(columns, rows, { width: io.columns, color: io.color });
  return `\nDisplaying processes memory sizes from ${escapeText(name)}\n\n${table}`;
}
