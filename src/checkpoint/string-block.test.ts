import { describe, expect, it } from 'vitest';
import {
  forgeMm,
  forgePagemap,
  forgeTasks,
  messagesOf,
  openForged,
} from '../../test/support/checkpoint-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { readExecutedName } from './string-block.ts';

const AT = 0x10000n;
const PRESENT = 4;
const LAZY = 2;

interface Block {
  /** What lies at AT. */
  readonly text: string;
  /** Where argv ends and envp begins, as an offset in `text`; and where envp ends. */
  readonly border: number;
  readonly end?: number;
  readonly flags?: number;
}

async function stringsOf({ text, border, end = text.length, flags = PRESENT }: Block) {
  const page = new Uint8Array(4096);
  page.set(Buffer.from(text, 'latin1'));
  const checkpoint = await openForged({
    images: {
      ...forgeTasks([{}]),
      'mm-1.img': forgeMm({
        vmas: [{ start: AT, end: AT + 4096n }],
        arguments: [AT, AT + BigInt(border)],
        environment: [AT + BigInt(border), AT + BigInt(end)],
      }),
      'pagemap-1.img': forgePagemap([[AT, 1, flags]]),
      ...(flags === PRESENT && { 'pages-1.img': page }),
    },
  });
  const [process] = await checkpoint.processes();
  return {
    argv: await process?.commandLine(),
    envp: await process?.environment(),
    messages: messagesOf(checkpoint),
  };
}

describe('the strings of a process', () => {
  it('end at NUL bytes; an empty argument is one', async () => {
    expect(await stringsOf({ text: 'sh\0-c\0\0A=1\0odd\0', border: 7 })).toEqual({
      argv: ['sh', '-c', ''],
      envp: ['A=1', 'odd'],
      messages: [],
    });
  });

  it('show a title that was written over argv and on into envp', async () => {
    const { argv } = await stringsOf({ text: 'nginx: worker process\0=/usr\0', border: 6 });
    expect(argv).toEqual(['nginx: worker process']);
  });

  it('do not take the zeros behind a short title for arguments', async () => {
    const { argv, envp } = await stringsOf({ text: `top\0${'\0'.repeat(40)}`, border: 20 });
    expect(argv).toEqual(['top']);
    expect(envp).toEqual([]);
  });

  it('keep what is no UTF-8 readable', async () => {
    const { argv } = await stringsOf({ text: 'a\xff\x1b[2J\0', border: 7 });
    expect(argv).toEqual(['a\ufffd\x1b[2J']);
  });

  it('are unknown, not empty, when their page is not in the archive', async () => {
    expect(await stringsOf({ text: 'sh\0A=1\0', border: 3, flags: LAZY })).toEqual({
      argv: undefined,
      envp: undefined,
      messages: [
        'the command line of process 1 cannot be read: its memory is not in the archive (lazy)',
        'the environment of process 1 cannot be read: its memory is not in the archive (lazy)',
      ],
    });
  });

  it('are not read when they claim more than a kernel allows, and none when they end before they begin', async () => {
    const huge = await stringsOf({ text: 'sh\0', border: 3, end: 2 ** 40 });
    expect(huge.envp).toBeUndefined();
    expect(huge.messages[0]).toContain('more than any kernel allows');
    expect((await stringsOf({ text: 'sh\0', border: 3, end: 1 })).envp).toEqual([]);
  });

  it('of a recorded process that calls itself a kernel thread are what it wrote', async () => {
    await withFixture('containerd-compromised', async (checkpoint) => {
      const process = (await checkpoint.processes()).find(({ executable }) => executable?.memfd);
      expect(await process?.commandLine()).toEqual(['[kworker/0:1]']);
    });
  });
});

describe('the name that a program was started by', () => {
  const nameOf = async (text: string, auxiliaryVector: readonly bigint[]) => {
    const page = new Uint8Array(4096);
    page.set(Buffer.from(text, 'latin1'), 4096 - text.length);
    const checkpoint = await openForged({
      images: {
        ...forgeTasks([{}]),
        'mm-1.img': forgeMm({ vmas: [{ start: AT, end: AT + 4096n }] }),
        'pagemap-1.img': forgePagemap([[AT, 1, PRESENT]]),
        'pages-1.img': page,
      },
    });
    const [process] = await checkpoint.processes();
    const space = await process?.addressSpace();
    return space && readExecutedName(space, auxiliaryVector);
  };
  const end = AT + 4096n;

  it.each([
    ['/bin/sh\0', [6n, 4096n, 31n, end - 8n, 0n, 0n], '/bin/sh'],
    ['/bin/sh', [31n, end - 7n], undefined],
    ['\0', [31n, end - 1n], undefined],
    ['/bin/sh\0', [31n, 0x999000n], undefined],
    ['/bin/sh\0', [31n, (1n << 64n) - 1n], undefined],
    ['/bin/sh\0', [31n], undefined],
    ['/bin/sh\0', [3n, 31n, end - 8n], undefined],
    ['/bin/sh\0', [], undefined],
  ])('is read of %s by %s', async (text, auxiliaryVector, name) => {
    expect(await nameOf(text, auxiliaryVector)).toBe(name);
  });

  it('is there in a recorded checkpoint', async () => {
    await withFixture('containerd-web', async (checkpoint) => {
      const [process] = await checkpoint.processes();
      const space = await process?.addressSpace();
      expect(space && (await readExecutedName(space, process?.auxiliaryVector ?? []))).toMatch(
        /^\/?[\w./-]+$/,
      );
    });
  });
});
