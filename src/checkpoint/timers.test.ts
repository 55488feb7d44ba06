import { describe, expect, it } from 'vitest';
import { forgeTasks, type Images, messagesOf, openForged } from '../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { withFixture } from '../../test/support/fixture.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import type { Timer } from './timers.ts';

const OFF = { isec: 0n, iusec: 0n, vsec: 0n, vusec: 0n };
const EVERY_MINUTE = { isec: 60n, iusec: 0n, vsec: 12n, vusec: 345n };
const POSIX = {
  it_id: 3,
  clock_id: 7,
  si_signo: 34,
  it_sigev_notify: 4,
  sival_ptr: 0xdeadn,
  overrun: 2,
  isec: 1n,
  insec: 5n,
  vsec: 0n,
  vnsec: 9n,
  notify_thread_id: 12,
};

async function timersOf(images: Images): Promise<readonly Timer[]> {
  const checkpoint = await openForged({ images });
  const [process] = await checkpoint.processes();
  const timers = await process?.timers();
  expect(messagesOf(checkpoint).join()).not.toContain('timer');
  return timers ?? [];
}

const task = (timers: object): Images =>
  forgeTasks([
    {
      core: {
        tc: {
          task_state: 1,
          exit_code: 0,
          personality: 0,
          flags: 0,
          blk_sigset: 0n,
          comm: 'x',
          sigactions: [],
          timers,
        },
      },
    },
  ]);

const REAL: Timer = {
  kind: 'interval',
  clock: 'real',
  interval: 60_000_000_000n,
  remaining: 12_000_345_000n,
  id: undefined,
  signal: 14,
  notification: 'signal',
  thread: undefined,
  value: undefined,
  overruns: 0,
};

describe('the timers of a process', () => {
  it('are the interval timers that are armed, then the POSIX timers', async () => {
    expect(await timersOf(task({ real: EVERY_MINUTE, virt: OFF, prof: OFF, posix: [POSIX] }))).toEqual([
      REAL,
      {
        kind: 'posix',
        clock: 'CLOCK_BOOTTIME',
        interval: 1_000_000_005n,
        remaining: 9n,
        id: 3,
        signal: 34,
        notification: 'thread-id',
        thread: 12,
        value: 0xdeadn,
        overruns: 2,
      },
    ]);
  });

  it('send nothing where they only run, and keep numbers without a name', async () => {
    const posix = [
      { ...POSIX, it_sigev_notify: 1 },
      { ...POSIX, it_sigev_notify: 77, clock_id: 0xfffffffa },
    ];
    expect(await timersOf(task({ real: OFF, virt: OFF, prof: OFF, posix }))).toMatchObject([
      { signal: undefined, notification: 'none' },
      { signal: 34, notification: 77, clock: '-6' },
    ]);
  });

  it('are read from the images of older CRIU', async () => {
    const images = {
      ...forgeTasks([{}]),
      'itimers-1.img': forgeImage(imageKinds.itimers, [
        { message: OFF },
        { message: OFF },
        { message: EVERY_MINUTE },
      ]),
      'posix-timers-1.img': forgeImage(imageKinds.posixTimers, [{ message: POSIX }]),
    };
    expect(await timersOf(images)).toMatchObject([{ clock: 'profiling', signal: 27 }, { kind: 'posix' }]);
  });

  it('are none in recorded containers that have set none', async () => {
    await withFixture('containerd-zoo', async (checkpoint) => {
      for (const process of await checkpoint.processes()) expect(await process.timers()).toEqual([]);
    });
  });
});
