import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInternetDiag, parseUnixDiag } from './socket-diag.ts';

const HEADER = '00000000140002000000000000000000';
const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
};
const attribute = (type: number, value: string) => {
  const length = Buffer.alloc(4);
  length.writeUInt16LE(4 + value.length / 2);
  length.writeUInt16LE(type, 2);
  return length.toString('hex') + value.padEnd(Math.ceil(value.length / 8) * 8, '0');
};
const MEMORY = [0, 1000, 0, 2000].map(word).join('');

describe('parseUnixDiag', () => {
  it('reads name, other end, queues and buffers', () => {
    const struct = `01010a00${word(77)}${'00'.repeat(8)}`;
    const attributes = [
      attribute(0, Buffer.from('\0a\nb').toString('hex')),
      attribute(2, word(78)),
      attribute(4, word(3) + word(4096)),
      attribute(5, MEMORY),
      attribute(6, '03'),
    ];
    const [socket] = parseUnixDiag([Buffer.from(HEADER + struct + attributes.join(''), 'hex')]);
    expect({ ...socket, name: Buffer.from(socket?.name ?? []).toString() }).toEqual({
      inode: 77,
      type: 1,
      state: 10,
      name: '\0a\nb',
      peer: 78,
      receiveQueue: 3,
      sendQueue: 4096,
      receiveBuffer: 1000,
      sendBuffer: 2000,
      shutdown: 3,
    });
  });
});

describe('parseInternetDiag', () => {
  it('reads queues and buffers of the socket', () => {
    const struct = `02010000${'00'.repeat(52)}${word(5)}${word(6)}${word(1000)}${word(79)}`;
    const message = Buffer.from(HEADER + struct + attribute(7, MEMORY) + attribute(8, '01'), 'hex');
    expect(parseInternetDiag([message])).toEqual([
      { inode: 79, receiveQueue: 5, sendQueue: 6, receiveBuffer: 1000, sendBuffer: 2000, shutdown: 1 },
    ]);
  });
});

it('reads any answer without failing', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (answer) => {
      expect(parseUnixDiag(answer).length).toBeLessThanOrEqual(answer.length);
      expect(parseInternetDiag(answer).length).toBeLessThanOrEqual(answer.length);
    }),
  );
});
