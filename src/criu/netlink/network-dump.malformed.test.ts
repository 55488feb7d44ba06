import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, u32 } from '../../../test/support/criu-forge.ts';
import { bufferSource } from '../../bytes/byte-source.ts';
import type { Note } from '../../bytes/note.ts';
import type { NetlinkFields } from './attributes.ts';
import { readNetworkDump } from './network-dump.ts';

interface Dump {
  readonly messages: readonly NetlinkFields[];
  readonly problems: readonly string[];
}

async function read(kind: string, bytes: Uint8Array): Promise<Dump> {
  const notes: Note[] = [];
  const messages: NetlinkFields[] = [];
  for await (const each of readNetworkDump('x.img', kind, bufferSource(bytes), notes)) messages.push(each);
  return { messages, problems: notes.map(({ message, offset }) => `${offset}: ${message}`) };
}

const MAGIC = u32(0x47361222);
const u16 = (value: number): Uint8Array => Uint8Array.of(value & 255, value >>> 8);
const message = (type: number, payload: Uint8Array, length = 16 + payload.length): Uint8Array =>
  concat(u32(length), u16(type), u16(2), u32(1), u32(9), payload);
const attribute = (type: number, value: Uint8Array, length = 4 + value.length): Uint8Array =>
  concat(u16(length), u16(type), value);
const HEADER = concat(Uint8Array.of(2, 8, 0x80, 0), u32(1));
const LOCALHOST = Uint8Array.of(127, 0, 0, 1);

describe('a damaged dump', () => {
  it('of no bytes has no messages: an old `ip` could not save', async () => {
    expect(await read('RULE', new Uint8Array(0))).toEqual({ messages: [], problems: [] });
  });

  it('without its magic is read from the first byte', async () => {
    const { messages, problems } = await read('IFADDR', message(20, HEADER));
    expect(messages).toHaveLength(1);
    expect(problems).toEqual(['0: does not begin with its magic 0x47361222; read from its first byte']);
  });

  it.each([
    ['a header that is cut short', u32(100), 'is cut short inside the header'],
    [
      'no length',
      message(20, HEADER, 0),
      'a netlink message of 0 bytes, which its own header is longer than',
    ],
    ['more than there is', message(20, HEADER, 99), 'promises a netlink message of 99 bytes but only 24'],
    [
      'a length of gigabytes',
      message(20, HEADER, 0xffffffff),
      'promises a netlink message of 4294967295 bytes',
    ],
    ['too long a message', message(20, new Uint8Array(1024 * 1024)), 'over the limit of 1048576'],
  ])('gives what is before %s', async (_what, bytes, problem) => {
    const whole = message(20, concat(HEADER, attribute(2, LOCALHOST)));
    const { messages, problems } = await read('IFADDR', concat(MAGIC, whole, bytes));
    expect(messages).toMatchObject([{ local: '127.0.0.1' }]);
    expect(problems).toEqual([expect.stringMatching(`^${4 + whole.length}: .*${problem}.*not read$`)]);
  });

  it.each([
    ['of another type', message(77, HEADER)],
    ['shorter than its struct', message(20, HEADER.subarray(0, 5))],
  ])('keeps a message %s as bytes', async (_what, bytes) => {
    const { messages, problems } = await read('IFADDR', concat(MAGIC, bytes));
    expect(messages).toEqual([expect.objectContaining({ payload: expect.any(String), port_id: 9 })]);
    expect(problems).toEqual(['4: has a message that is not of this dump']);
  });
});

describe('attributes that are not what they should be', () => {
  const attributes = async (...parts: readonly Uint8Array[]): Promise<Dump> =>
    read('IFADDR', concat(MAGIC, message(20, concat(HEADER, ...parts))));

  it('are kept: unknown ones, of a wrong length, and those that occur again', async () => {
    const { messages, problems } = await attributes(
      attribute(99, LOCALHOST),
      attribute(2, LOCALHOST.subarray(0, 3), 7),
      Uint8Array.of(0),
      attribute(1, LOCALHOST),
      attribute(1, Uint8Array.of(10, 0, 0, 1)),
      attribute(3, new TextEncoder().encode('lo\0x')),
    );
    expect(messages[0]).toMatchObject({
      address: '127.0.0.1',
      unknown_attributes: [
        { type: 99, value: 'fwAAAQ==\n' },
        { type: 2, value: 'fwAA\n' },
        { type: 1, value: 'CgAAAQ==\n' },
        { type: 3, value: 'bG8AeA==\n' },
      ],
    });
    expect(problems).toEqual([]);
  });

  it.each([
    ['longer than the message', attribute(1, LOCALHOST, 500)],
    ['shorter than an attribute', attribute(1, LOCALHOST, 3)],
    ['cut short', Uint8Array.of(8, 0)],
  ])('end the message where one is %s', async (_what, bytes) => {
    const { messages, problems } = await attributes(attribute(2, LOCALHOST), bytes);
    expect(messages[0]).toMatchObject({ local: '127.0.0.1', trailing: expect.any(String) });
    expect(problems).toEqual(['4: has a message that ends in bytes that are no attribute']);
  });

  it('are text that cannot be told from an escape sequence only on a terminal', async () => {
    const { messages } = await attributes(attribute(3, Uint8Array.of(0x1b, 0xff, 0, 0)));
    expect(messages[0]).toMatchObject({ label: '\x1b\udcff' });
  });

  it('are next hops whose length is hostile', async () => {
    const header = concat(new Uint8Array(8), u32(0));
    for (const hop of [u16(0), concat(u16(7), new Uint8Array(6)), concat(u16(200), new Uint8Array(6))]) {
      const { messages } = await read(
        'ROUTE',
        concat(u32(0x45311224), message(24, concat(header, attribute(9, hop)))),
      );
      expect(messages[0]).toMatchObject({ unknown_attributes: [{ type: 9 }] });
    }
  });
});

const KINDS = [
  ['IFADDR', 'ifaddr.img'],
  ['ROUTE', 'route.img'],
  ['ROUTE6', 'route6.img'],
  ['RULE', 'rule.img'],
  ['NETNF_CT', 'netns-ct.img'],
  ['NETNF_EXP', 'netns-exp.img'],
] as const;

describe('any damage of a recorded dump', () => {
  it.each(KINDS)('ends in messages and notes: %s', async (kind, file) => {
    const bytes = readFileSync(new URL(`../golden/netlink/${file}`, import.meta.url));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(bytes.length),
        async (changes, length) => {
          const damaged = Uint8Array.from(bytes);
          for (const [at, value] of changes) damaged[at] = value;
          const { messages } = await read(kind, damaged.subarray(0, length));
          expect(messages.length).toBeLessThanOrEqual(bytes.length / 16);
        },
      ),
    );
  });
});
