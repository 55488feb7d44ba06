import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeProcess } from '../testing/fake-process.ts';
import { namespaceEntrance } from './enter-namespace.ts';
import { gatherNetlink } from './gather-netlink.ts';
import { type Netlink, openNetlink, splitMessages } from './netlink.ts';

const processes = [
  fakeProcess({ pid: 7, namespaces: { net: 1n } }),
  fakeProcess({ pid: 8, namespaces: { net: 1n } }),
  fakeProcess({ pid: 9, namespaces: { net: 2n } }),
  fakeProcess({ pid: 10 }),
];

describe('gatherNetlink', () => {
  it('asks in each namespace once, and closes what it opened', () => {
    const opened: string[] = [];
    let open = 0;
    const netlink: Netlink = {
      open({ pid }, protocol) {
        opened.push(`${pid} ${protocol}`);
        open += 1;
        return {
          list: (type, payload) => [Uint8Array.of(type, payload.length)],
          close: () => {
            open -= 1;
          },
        };
      },
    };
    const { namespaces, gaps } = gatherNetlink(netlink, processes);
    expect(opened).toEqual(['7 4', '7 0', '9 4', '9 0']);
    expect(open).toBe(0);
    expect(gaps).toEqual([]);
    const asked = namespaces.get(2n);
    expect(asked?.unix).toEqual([Uint8Array.of(20, 24)]);
    expect(asked?.internet).toHaveLength(4);
    expect(asked?.routes6).toEqual([Uint8Array.of(26, 12)]);
  });

  it('tells of a namespace that cannot be asked, and goes on', () => {
    let refused = 0;
    const netlink: Netlink = {
      open() {
        return {
          list() {
            refused += 1;
            throw new Error('the kernel refused: error 1');
          },
          close: () => undefined,
        };
      },
    };
    const { namespaces, gaps } = gatherNetlink(netlink, processes);
    expect(namespaces.size).toBe(0);
    expect(refused).toBe(2);
    expect(gaps).toEqual(Array(2).fill(expect.stringContaining('the kernel refused: error 1')));
  });
});

describe('openNetlink', () => {
  const library = (setns: readonly number[]) => {
    const answers = [...setns];
    const calls: string[] = [];
    return {
      calls,
      errno: () => 1,
      function: (declaration: string) => () => {
        const name = /(\w+)\(/.exec(declaration)?.[1] ?? '';
        calls.push(name);
        return name === 'setns' ? (answers.shift() ?? 0) : -1;
      },
    };
  };
  const itself = [fakeProcess({ pid: process.pid, namespaces: { net: 1n } })];

  it('asks nothing where the namespace cannot be entered', () => {
    const refused = library([-1]);
    const { gaps } = gatherNetlink(openNetlink(refused, namespaceEntrance(refused)), itself);
    expect(gaps).toEqual([expect.stringContaining('entering')]);
    expect(refused.calls).toEqual(['setns']);
  });

  it('goes back also when no socket can be made, and ends all where it cannot go back', () => {
    const without = library([0, 0]);
    expect(gatherNetlink(openNetlink(without, namespaceEntrance(without)), itself).gaps).toEqual([
      expect.stringContaining('socket'),
    ]);
    expect(without.calls).toEqual(['setns', 'socket', 'setns']);
    const stuck = library([0, -1]);
    expect(() => gatherNetlink(openNetlink(stuck, namespaceEntrance(stuck)), itself)).toThrow(
      expect.objectContaining({ code: 'NOT_ROOT' }),
    );
  });
});

describe('splitMessages', () => {
  it('takes whole messages from any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const total = splitMessages(bytes).reduce((sum, { length }) => sum + length, 0);
        expect(total).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
