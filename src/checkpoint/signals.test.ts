import { expect, it } from 'vitest';
import type { SignalQueueEntry } from '../criu/schemas/timers-signals.ts';
import { pendingSignals } from './signals.ts';

const queue = (...numbers: readonly number[]): SignalQueueEntry =>
  ({ signals: numbers.map((number) => ({ siginfo: Uint8Array.of(number, 0, 0, 0) })) }) as SignalQueueEntry;

it('tells pending signals as a set, as the kernel does', () => {
  expect(pendingSignals(queue(1, 10, 64, 10))).toBe((1n << 0n) | (1n << 9n) | (1n << 63n));
  expect(pendingSignals(undefined)).toBe(0n);
});

it('knows no signal of a number that Linux does not have', () => {
  expect(pendingSignals(queue(0, 65, 255))).toBe(0n);
  expect(pendingSignals({ signals: [{ siginfo: new Uint8Array(0) }] } as unknown as SignalQueueEntry)).toBe(
    0n,
  );
});
