import { describe, expect, it } from 'vitest';
import { openForged } from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { FileEntry } from '../criu/schemas/files.ts';
import { ImageSet } from './image-set.ts';
import { NoteBook } from './note-book.ts';
import { toSocket } from './sockets.ts';
import { UnreadBytes } from './unread-bytes.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const opts = { so_sndbuf: 11, so_rcvbuf: 22 };

async function socketOf(file: object, images: Readonly<Record<string, Uint8Array>> = {}) {
  const { archive } = await openForged({ images });
  const unread = await UnreadBytes.read(new ImageSet(archive, 'checkpoint/', new NoteBook()));
  return toSocket(file as FileEntry, unread);
}

const internet = (more: object) => ({
  isk: {
    id: 5,
    ino: 0xabc,
    family: 2,
    type: 1,
    proto: 6,
    state: 1,
    src_port: 80,
    dst_port: 9,
    src_addr: [],
    dst_addr: [],
    opts,
    ...more,
  },
});
const unix = (name: Uint8Array, more: object = {}) => ({
  usk: { id: 6, ino: 7, type: 1, state: 10, peer: 0, name, opts, ...more },
});

describe('toSocket', () => {
  it('reads addresses in network byte order', async () => {
    expect(await socketOf(internet({ src_addr: [0x0300f40a], dst_addr: [0x0100007f] }))).toMatchObject({
      family: 'ipv4',
      protocol: 'tcp',
      state: 'ESTABLISHED',
      sourceAddress: '10.244.0.3',
      destinationAddress: '127.0.0.1',
      sendBuffer: 11,
      receiveBuffer: 22,
    });
    const v6 = internet({
      family: 10,
      src_addr: [0xb80d0120, 0, 0, 0x01000000],
      dst_addr: [0, 0, 0xffff0000, 0x0100007f],
    });
    expect(await socketOf(v6)).toMatchObject({
      family: 'ipv6',
      sourceAddress: '2001:db8::1',
      destinationAddress: '::ffff:127.0.0.1',
    });
  });

  it.each([[[]], [[1, 2]], [[1, 2, 3, 4, 5]]])('shows no address where there are words %j', async (words) => {
    expect(await socketOf(internet({ src_addr: words }))).toMatchObject({ sourceAddress: '' });
  });

  it('names states and protocols, unknown ones too', async () => {
    expect(await socketOf(internet({ state: 10 }))).toMatchObject({ state: 'LISTEN' });
    expect(await socketOf(internet({ state: 8, proto: 17 }))).toMatchObject({
      state: 'CLOSE_WAIT',
      protocol: 'udp',
    });
    expect(await socketOf(internet({ state: 200, proto: 99 }))).toMatchObject({
      state: 'UNKNOWN',
      protocol: 'unknown',
    });
    expect(await socketOf(internet({ type: 3, proto: 1 }))).toMatchObject({ protocol: 'raw' });
  });

  it('counts the queues of a TCP connection, whose image has the inode in hexadecimal', async () => {
    const stream = {
      inq_len: 3,
      inq_seq: 0,
      outq_len: 2,
      outq_seq: 0,
      opt_mask: 0,
      snd_wscale: 0,
      mss_clamp: 0,
    };
    const images = {
      'tcp-stream-abc.img': forgeImage(imageKinds.tcpStream, [{ message: stream, extra: encode('inqou') }]),
    };
    expect(await socketOf(internet({}), images)).toMatchObject({ unreadBytes: 3, unsentBytes: 2 });
    expect(await socketOf(internet({ ino: 1 }), images)).toMatchObject({ unreadBytes: 0, unsentBytes: 0 });
  });

  it('reads unix names: paths, abstract ones, none', async () => {
    expect(await socketOf(unix(encode('/run/app.sock\0')))).toMatchObject({
      name: '/run/app.sock',
      type: 'stream',
    });
    expect(await socketOf(unix(encode('\0hidden\0part'), { type: 2 }))).toMatchObject({
      name: '@hidden@part',
      type: 'datagram',
    });
    expect(await socketOf(unix(new Uint8Array(0), { type: 5 }))).toMatchObject({
      name: '',
      type: 'seqpacket',
    });
  });

  it('tells packet sockets, with which one sniffs', async () => {
    expect(await socketOf({ psk: { id: 1, type: 3, protocol: 768, opts } })).toMatchObject({
      family: 'packet',
      type: 'raw',
      protocol: 768,
    });
  });

  it('has nothing to say of other files', async () => {
    expect(await socketOf({ reg: {} })).toBeUndefined();
  });
});

describe('recorded sockets', () => {
  it('show the reverse shell', async () => {
    await withFixture('containerd-compromised', async (checkpoint) => {
      const shell = (await checkpoint.processes()).find(({ comm }) => comm === 'sh');
      const descriptors = (await shell?.descriptors()) ?? [];
      expect(descriptors.map(({ fd, path }) => [fd, path])).toEqual(
        [0, 1, 2].map((fd) => [fd, descriptors[0]?.path]),
      );
      expect(descriptors[0]).toMatchObject({
        kind: 'socket',
        socket: { family: 'ipv4', state: 'ESTABLISHED', destinationPort: 4444 },
      });
    });
  });
});
