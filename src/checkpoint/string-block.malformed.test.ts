import { expect, it } from 'vitest';
import {
  forgeMm,
  forgePagemap,
  forgeTasks,
  messagesOf,
  openForged,
} from '../../test/support/checkpoint-forge.ts';

const MIB = 1024 * 1024;
const AT = 0x100000n;

/** Processes that all show the same 8 MiB of one pages image as their command line. */
async function commandLines(count: number, block: Uint8Array) {
  const pids = Array.from({ length: count }, (_, index) => index + 1);
  const end = AT + BigInt(block.length);
  const mm = forgeMm({ vmas: [{ start: AT, end }], arguments: [AT, end] });
  const pagemap = forgePagemap([[AT, block.length / 4096, 4]]);
  const checkpoint = await openForged({
    images: {
      ...forgeTasks(pids.map((pid) => ({ pid, ppid: pid === 1 ? 0 : 1 }))),
      ...Object.fromEntries(
        pids.flatMap((pid) => [
          [`mm-${pid}.img`, mm],
          [`pagemap-${pid}.img`, pagemap],
        ]),
      ),
      'pages-1.img': block,
    },
  });
  const lines: (readonly string[] | undefined)[] = [];
  for (const process of await checkpoint.processes()) lines.push(await process.commandLine());
  return { lines, messages: messagesOf(checkpoint) };
}

it('reads the strings of processes up to a limit for all of them', async () => {
  const block = new Uint8Array(8 * MIB).fill(0x61);
  block[block.length - 1] = 0;
  const { lines, messages } = await commandLines(10, block);
  expect(lines.map((line) => line?.[0]?.length)).toEqual([
    ...Array(8).fill(8 * MIB - 1),
    undefined,
    undefined,
  ]);
  expect(messages).toEqual(
    [9, 10].map((pid) => expect.stringContaining(`the command line of process ${pid} is not shown whole`)),
  );
});

it('makes no more strings of them than it can hold', async () => {
  const block = new Uint8Array(8 * MIB);
  block[block.length - 2] = 0x61;
  const { lines, messages } = await commandLines(2, block);
  expect(lines.reduce((sum, line) => sum + (line?.length ?? 0), 0)).toBe(4 * MIB);
  expect(messages).toHaveLength(2);
});

it('reads them as far as they are there', async () => {
  const block = new Uint8Array(8192).fill(0x61);
  block[5] = 0;
  const end = AT + 8192n;
  const checkpoint = await openForged({
    images: {
      ...forgeTasks([{}]),
      'mm-1.img': forgeMm({ vmas: [{ start: AT, end }], arguments: [AT, end] }),
      'pagemap-1.img': forgePagemap([
        [AT, 1, 4],
        [AT + 4096n, 1, 2],
      ]),
      'pages-1.img': block.subarray(0, 4096),
    },
  });
  const argv = await (await checkpoint.processes())[0]?.commandLine();
  expect(argv).toEqual(['aaaaa', 'a'.repeat(4090)]);
  expect(messagesOf(checkpoint)).toEqual([
    'the command line of process 1 can be read for its first 4096 bytes only: the rest is not in the archive (lazy)',
  ]);
});
