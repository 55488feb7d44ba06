import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CaptureRecord, parseCaptureRecord } from './capture-record.ts';

const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const whole: CaptureRecord = {
  version: 1,
  program: 'exhibit 0.1.0',
  restorable: false,
  subject: { namespace: 'shop', pod: 'web', container: 'app', id: 'a'.repeat(64) },
  consistency: 'frozen',
  started: '2026-11-24T16:00:00.000Z',
  standstill: { from: '1764000000000000000', until: '1764000000250000000', before: false },
  all_pages: false,
  node: { hostname: 'n1', kernel: '6.18', machine: 'x86_64', booted: '2026-11-24T08:00:00Z', boot_id: 'b' },
  processes: [{ node_pid: 4711, pid: 1, started: '2026-11-24T15:00:00.120Z', waits: { '1': 'ep_poll' } }],
  descriptors: [{ node_pid: 4711, fd: 3, link: 'anon_inode:[io_uring]', info: 'SqMask:\t0x3f' }],
  networks: [
    { namespace: 9, queues: [{ inode: 5, send: 1, receive: 2, retransmits: 0 }], files: { arp: 'x' } },
  ],
  hidden: [{ topic: 'pipes', text: 'bytes in pipes' }],
  gaps: ['process 9 has ended'],
  unreadable: [{ pid: 1, shared_object: undefined, start: '0x7f00', pages: 2 }],
  companion: { archive: 'b.tar', route: 'kubelet', seconds_later: 1.5 },
};

describe('parseCaptureRecord', () => {
  it('reads back what was written', () => {
    expect(parseCaptureRecord(bytesOf(whole))).toEqual(whole);
  });

  it.each([
    ['no JSON', new TextEncoder().encode('{'), /is not JSON/],
    ['a list', bytesOf([]), /of version \(none\)/],
    ['a later version', bytesOf({ ...whole, version: 2 }), /of version 2, this program reads version 1/],
  ])('refuses %s', (_what, bytes, reason) => {
    expect(() => parseCaptureRecord(bytes)).toThrow(reason);
  });

  it('leaves out what is not of its type', () => {
    const wrong = {
      ...whole,
      consistency: 'solid',
      standstill: { from: -1, until: '5' },
      restorable: true,
      processes: [7, { pid: 'x' }, ...whole.processes],
      hidden: [{ topic: 'nothing', text: 'x' }],
      unreadable: [{ start: '7f00', pages: 1 }],
      gaps: [1, 'a'],
    };
    expect(parseCaptureRecord(bytesOf(wrong))).toMatchObject({
      consistency: 'running',
      standstill: undefined,
      restorable: false,
      processes: whole.processes,
      hidden: [],
      unreadable: [],
      gaps: ['a'],
    });
  });

  it('reads any JSON of its version without another error', () => {
    const anything = fc.dictionary(fc.constantFrom(...Object.keys(whole), '__proto__'), fc.jsonValue());
    fc.assert(
      fc.property(anything, (value) => {
        expect(parseCaptureRecord(bytesOf({ ...value, version: 1 })).version).toBe(1);
      }),
    );
  });
});
