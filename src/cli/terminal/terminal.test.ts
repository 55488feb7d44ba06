import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Io } from '../io.ts';
import { formatAge, formatBytes, formatMicroseconds, formatTime } from './format.ts';
import { fitLine, lineWidth, renderLine, styled, wrapLine } from './line.ts';
import { startProgress } from './progress.ts';
import { renderTable } from './table.ts';
import { drawForest, type TreeNode } from './tree.ts';

const plain = { width: Number.POSITIVE_INFINITY, color: false };

describe('lines', () => {
  it('colours only when asked, and escapes what it colours', () => {
    expect(renderLine(['a', styled('\x1b[2Jb', 'odd')], false)).toBe('a\\x1b[2Jb');
    expect(renderLine([styled('b', 'odd')], true)).toBe('\x1b[33mb\x1b[39m');
  });

  it('cuts with an ellipsis, by columns and never inside a character', () => {
    expect(renderLine(fitLine(['abcdef'], 4), false)).toBe('abc…');
    expect(renderLine(fitLine(['你好世界'], 6), false)).toBe('你好…');
    expect(renderLine(fitLine(['abcd'], 4), false)).toBe('abcd');
  });

  it('wraps without losing anything, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 9 }), (text, width) => {
        const lines = wrapLine([text], width);
        expect(lines.map((line) => renderLine(line, false)).join('')).toBe(renderLine([text], false));
        for (const line of lines) {
          const characters = [...new Intl.Segmenter().segment(renderLine(line, false))];
          if (characters.length > 1) expect(lineWidth(line)).toBeLessThanOrEqual(width);
        }
      }),
    );
  });

  it('wraps a text as long as the longest environment string in a moment', () => {
    const lines = wrapLine(['é'.repeat(131_072)], 60);
    expect(lines).toHaveLength(Math.ceil(131_072 / 60));
  });
});

describe('tables', () => {
  const columns = [
    { title: 'PID', align: 'right' },
    { title: 'COMMAND', overflow: 'cut' },
    { title: 'X' },
  ] as const;

  it('aligns columns', () => {
    expect(
      renderTable(
        columns,
        [
          ['1', '/sbin/init', 'a'],
          ['4711', 'sh', 'b'],
        ],
        plain,
      ),
    ).toBe(' PID  COMMAND     X\n   1  /sbin/init  a\n4711  sh          b\n');
  });

  it('cuts the widest column to the width of the terminal', () => {
    const text = renderTable(columns, [['1', 'x'.repeat(100), 'a']], { width: 30, color: false });
    expect(text).toBe(`PID  COMMAND${' '.repeat(15)}  X\n  1  ${'x'.repeat(21)}…  a\n`);
    for (const line of text.split('\n')) expect(lineWidth([line])).toBeLessThanOrEqual(30);
  });

  it('breaks behind a space where that costs little', () => {
    const lines = wrapLine(['one two three four'], 11).map((line) => renderLine(line, false));
    expect(lines).toEqual(['one two ', 'three four']);
    expect(wrapLine(['a bcdefghij'], 8).map((line) => renderLine(line, false))).toEqual(['a bcdefg', 'hij']);
  });

  it('goes on in the next line where a column wraps', () => {
    const wrapping = [{ title: 'PID' }, { title: 'COMMAND', overflow: 'wrap' }] as const;
    const text = renderTable(wrapping, [['1', 'a'.repeat(30)]], { width: 29, color: false });
    expect(text).toBe(`PID  COMMAND\n1    ${'a'.repeat(24)}\n     ${'a'.repeat(6)}\n`);
  });

  it('stays within the terminal for any cells', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string(), fc.string())), (rows) => {
        const cut = [
          { title: 'A', overflow: 'cut' },
          { title: 'B', overflow: 'cut' },
          { title: 'C', overflow: 'cut' },
        ] as const;
        for (const line of renderTable(cut, rows, { width: 40, color: false }).split('\n')) {
          expect(lineWidth([line])).toBeLessThanOrEqual(40);
        }
      }),
    );
  });
});

describe('trees', () => {
  const node = (row: string, children: TreeNode<string>[] = []): TreeNode<string> => ({
    row,
    details: [['d']],
    children,
  });

  it('draws branches, with details under their node', () => {
    const lines = [...drawForest([node('a', [node('b', [node('c')]), node('d')])])];
    expect(lines.map(({ lead, row, detail }) => `${lead}${row ?? detail?.join('')}`)).toEqual([
      'a',
      '│   d',
      '├─ b',
      '│  │   d',
      '│  └─ c',
      '│         d',
      '└─ d',
      '       d',
    ]);
  });

  it('draws a chain of 100,000 without running out of stack or width', () => {
    let chain = node('leaf');
    for (let depth = 0; depth < 100_000; depth++) chain = { row: 'x', details: [], children: [chain] };
    let widest = 0;
    for (const { lead } of drawForest([chain])) widest = Math.max(widest, lead.length);
    expect(widest).toBeLessThan(200);
  });
});

describe('numbers and times', () => {
  it('writes sizes', () => {
    expect([0, 1023, 1024, 1536, 354_653_389, 2 ** 40].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '338.2 MiB',
      '1.0 TiB',
    ]);
  });

  it('writes durations', () => {
    expect([870, 34_210, 1_250_000].map(formatMicroseconds)).toEqual(['870 µs', '34.2 ms', '1.25 s']);
  });

  it('writes times in UTC and leaves what is no time', () => {
    expect(formatTime('2026-11-24T10:14:22.123456789+02:00')).toBe('2026-11-24 08:14:22 UTC');
    expect(formatTime('soon')).toBe('soon');
  });

  it('writes ages in two units', () => {
    expect(formatAge('2026-11-21T04:00:00Z', '2026-11-24T08:14:22Z')).toBe('3 d 4 h');
    expect(formatAge('2026-11-24T08:00:13Z', '2026-11-24T08:14:22Z')).toBe('14 min 9 s');
    expect(formatAge('2026-11-24T08:14:23Z', '2026-11-24T08:14:22Z')).toBeUndefined();
  });
});

describe('progress', () => {
  const watch = (interactive: boolean): { written: string[]; io: Io } => {
    const written: string[] = [];
    return {
      written,
      io: { interactive, columns: 80, err: (text: string) => written.push(text) } as unknown as Io,
    };
  };

  it('stays silent where nobody watches, and while there is nothing to wait for', () => {
    const { written, io } = watch(false);
    let time = 0;
    const progress = startProgress(io, () => time);
    time = 1000;
    progress.update('1 of 2');
    progress.end();
    expect(written).toEqual([]);
  });

  it('redraws one line and removes it', async () => {
    const { written, io } = watch(true);
    let time = 0;
    const progress = startProgress(io, () => time);
    progress.update('too early');
    time = 1000;
    progress.update('1 of 2 \x1b[2J');
    progress.update('too soon');
    await vi.waitFor(() => expect(written).not.toEqual([]));
    progress.end();
    progress.end();
    expect(written).toEqual(['\r1 of 2 \\x1b[2J\x1b[K', '\r\x1b[K']);
  });

  it('draws nothing once it has ended', async () => {
    const { written, io } = watch(true);
    let time = 0;
    const progress = startProgress(io, () => time);
    time = 1000;
    progress.update('1 of 2');
    progress.end();
    await import('./line.ts');
    expect(written).toEqual([]);
  });
});
