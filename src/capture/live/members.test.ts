import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { completeId, containerOf, ensureReadable, findMembers, findZombies } from './members.ts';

const ID = 'ab'.repeat(32);
const OTHER = `${ID.slice(0, 20)}${'c'.repeat(44)}`;

let node: FakeNode;
let proc: string;
beforeEach(() => {
  node = new FakeNode();
  proc = `${node.root}/proc`;
  node.process({ pid: 20, parent: 9, cgroup: `/kubepods/pod1/${ID}` });
  node.process({ pid: 7, parent: 20, cgroup: `/kubepods/pod1/${ID}` });
  node.process({ pid: 9, parent: 1, cgroup: `/kubepods/crio-conmon-${ID}.scope` });
  node.process({ pid: 30, parent: 1, cgroup: `/kubepods/pod2/cri-containerd-${OTHER}.scope` });
  node.process({ pid: 40, parent: 1, cgroup: '/system.slice/sshd.service' });
});
afterEach(() => node.remove());

describe('the processes of a container', () => {
  it('are those of its control group, the first one first, without its monitor', () => {
    expect(findMembers(ID, proc)).toEqual([20, 7]);
    expect(findMembers('d'.repeat(64), proc)).toEqual([]);
  });

  it('are those, too, that have ended and that their parents did not wait for', () => {
    node.process({ pid: 50, parent: 7, cgroup: '/' });
    node.process({ pid: 51, parent: 7, cgroup: '/' });
    writeFileSync(`${proc}/50/stat`, '50 (a) Z (b) Z 7 1');
    writeFileSync(`${proc}/51/stat`, '51 (c) S 7 1');
    writeFileSync(`${proc}/40/stat`, '40 (d) Z 1 1');
    expect(findZombies([20, 7], proc)).toEqual([50]);
  });
});

describe('a container', () => {
  it('is named by one of its processes', () => {
    expect(containerOf(7, proc)).toBe(ID);
    expect(containerOf(30, proc)).toBe(OTHER);
    for (const [pid, code] of [
      [9, 'BAD_TARGET'],
      [40, 'BAD_TARGET'],
      [41, 'NO_SUCH_PROCESS'],
    ] as const)
      expect(() => containerOf(pid, proc)).toThrow(expect.objectContaining({ code }));
  });

  it('is named by the beginning of its id, if that is one container alone', () => {
    expect(completeId(ID.slice(0, 24), proc)).toBe(ID);
    expect(() => completeId(ID.slice(0, 12), proc)).toThrow(
      expect.objectContaining({ code: 'CONTAINER_CHOICE' }),
    );
    expect(() => completeId('0'.repeat(12), proc)).toThrow(
      expect.objectContaining({ code: 'CONTAINER_NOT_FOUND' }),
    );
  });
});

describe('the memory of a container', () => {
  it('cannot be read on a kernel without /proc/PID/pagemap, which is told before anything is frozen', () => {
    for (const name of ['stat', 'pagemap', 'mem', 'maps']) writeFileSync(`${proc}/7/${name}`, '');
    expect(() => ensureReadable(7, proc)).not.toThrow();
    rmSync(`${proc}/7/pagemap`);
    expect(() => ensureReadable(7, proc)).toThrow(
      expect.objectContaining({
        code: 'MEMORY_UNREADABLE',
        message: expect.stringMatching(/process 7 cannot be read: ENOENT.*CAP_SYS_PTRACE/),
      }),
    );
    // One that has ended meanwhile is told as that, elsewhere.
    expect(() => ensureReadable(41, proc)).not.toThrow();
  });
});
