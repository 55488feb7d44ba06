import { describe, expect, it } from 'vitest';
import { forgeTasks, messagesOf, openForged } from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { imageKinds } from '../criu/image-kinds.ts';

const ids = { vm_id: 1, files_id: 2, fs_id: 3, sighand_id: 4, net_ns_id: 10, mnt_ns_id: 13 };
const creds = {
  uid: 1000,
  gid: 100,
  euid: 0,
  egid: 100,
  suid: 0,
  sgid: 100,
  fsuid: 0,
  fsgid: 100,
  cap_inh: [],
  cap_prm: [0xffffffff, 0x1ff],
  cap_eff: [0x80000000, 1],
  cap_bnd: [1, 0, 99],
  secbits: 3,
  groups: [27, 100],
  cap_amb: [2],
  no_new_privs: 1,
  lsm_profile: 'docker-default',
};
const threadCore = (more: object) => ({ futex_rla: 0n, futex_rla_len: 0, ...more });

describe('the processes of a checkpoint', () => {
  it('show a zombie, which CRIU records without threads, memory or credentials', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      const processes = await checkpoint.processes();
      const zombie = processes.find(({ state }) => state === 'dead');
      expect(zombie).toMatchObject({
        pid: 15,
        parentPid: 9,
        comm: 'gone',
        exitCode: 7 << 8,
        credentials: undefined,
      });
      expect(zombie?.threads.map(({ tid }) => tid)).toEqual([15]);
      expect(await zombie?.addressSpace()).toBeUndefined();
      expect(await zombie?.commandLine()).toBeUndefined();
      expect(await zombie?.descriptors()).toEqual([]);
      expect(checkpoint.notes()).toEqual([]);
    });
  });

  it('join credentials, namespaces, files and memory', async () => {
    const checkpoint = await openForged({
      images: {
        ...forgeTasks([
          { core: { ids, thread_core: threadCore({ creds, seccomp_mode: 'filter', sched_nice: -5 }) } },
        ]),
        'fs-1.img': forgeImage(imageKinds.fs, [{ message: { cwd_id: 0, root_id: 0, umask: 0o27 } }]),
      },
    });
    const [process] = await checkpoint.processes();
    expect(process?.credentials).toEqual({
      uid: 1000,
      euid: 0,
      suid: 0,
      fsuid: 0,
      gid: 100,
      egid: 100,
      sgid: 100,
      fsgid: 100,
      groups: [27, 100],
      capabilities: {
        effective: 0x1_8000_0000n,
        permitted: 0x1ff_ffff_ffffn,
        inheritable: 0n,
        bounding: 1n,
        ambient: 2n,
      },
      secureBits: 3,
      noNewPrivileges: true,
      seccomp: 'filter',
      lsmProfile: 'docker-default',
    });
    expect(process?.namespaces).toEqual({ net: 10, mnt: 13 });
    expect(process?.umask).toBe(0o27);
    expect(process?.threads[0]?.nice).toBe(-5);
  });

  it('find kernel object ids in the image of their own, too', async () => {
    const checkpoint = await openForged({
      images: { ...forgeTasks([{}]), 'ids-1.img': forgeImage(imageKinds.ids, [{ message: ids }]) },
    });
    expect((await checkpoint.processes())[0]?.namespaces).toEqual({ net: 10, mnt: 13 });
  });

  it('take the seccomp mode of the process where threads have none', async () => {
    const tc = {
      task_state: 1,
      exit_code: 0,
      personality: 0,
      flags: 0,
      blk_sigset: 0n,
      comm: 'old',
      sigactions: [],
      old_seccomp_mode: 'strict',
    };
    const checkpoint = await openForged({
      images: forgeTasks([{ core: { tc, thread_core: threadCore({ creds }) } }]),
    });
    expect((await checkpoint.processes())[0]?.credentials?.seccomp).toBe('strict');
  });

  it.each([
    [1, 'alive'],
    [2, 'dead'],
    [3, 'stopped'],
    [4, 'helper'],
    [6, 'dead'],
    [77, 'unknown'],
  ] as const)('call the state %i %s', async (state, word) => {
    const checkpoint = await openForged({ images: forgeTasks([{ state }]) });
    expect((await checkpoint.processes())[0]?.state).toBe(word);
  });

  it('keep a process of which only the tree knows', async () => {
    const images = { ...forgeTasks([{ pid: 1 }, { pid: 5, ppid: 1, threads: [5, 6] }]) };
    delete images['core-5.img'];
    const checkpoint = await openForged({ images });
    expect((await checkpoint.processes())[1]).toMatchObject({
      pid: 5,
      parentPid: 1,
      comm: '',
      state: 'unknown',
    });
    expect(messagesOf(checkpoint)).toEqual(
      expect.arrayContaining([
        'core-5.img is missing: little is known of process 5',
        'core-6.img is missing: little is known of thread 6 of process 5',
      ]),
    );
  });

  it('leave out a process that is listed twice', async () => {
    const checkpoint = await openForged({ images: forgeTasks([{ pid: 1 }, { pid: 1, ppid: 1 }]) });
    expect((await checkpoint.processes()).map(({ pid }) => pid)).toEqual([1]);
    expect(messagesOf(checkpoint)).toContain('process 1 is listed twice; left out');
  });
});
