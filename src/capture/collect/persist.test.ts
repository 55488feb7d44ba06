import { expect, test } from 'vitest';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { persist } from './persist.ts';

const cut = () => new ExhibitError('COLLECT_STREAM_CUT', 'cut');
const { signal } = new AbortController();
const options = { signal, onRetry: () => undefined, pauses: [0, 0, 0] };

test('tries again until it succeeds, and says why', async () => {
  const told: string[] = [];
  let tries = 0;
  const attempt = async () => {
    tries++;
    if (tries < 3) throw cut();
    return tries;
  };
  expect(await persist(attempt, { ...options, onRetry: ({ message }) => told.push(message) })).toBe(3);
  expect(told).toEqual(['cut', 'cut']);
});

test('ends with the last failure when patience does, and begins to count anew when something was achieved', async () => {
  let tries = 0;
  const attempt = async () => {
    tries++;
    throw cut();
  };
  await expect(persist(attempt, options)).rejects.toThrow('cut');
  expect(tries).toBe(4);
  tries = 0;
  await expect(persist(attempt, { ...options, progress: () => Math.min(tries, 10) })).rejects.toThrow('cut');
  expect(tries).toBe(10 + 3);
});

test('does not try again what would fail again', async () => {
  let tries = 0;
  const attempt = async () => {
    tries++;
    throw new ExhibitError('API_FORBIDDEN', 'no');
  };
  await expect(persist(attempt, options)).rejects.toThrow('no');
  expect(tries).toBe(1);
});

test('ends at once when the user wants it, with the reason', async () => {
  const controller = new AbortController();
  const onRetry = () => controller.abort(new ExhibitError('COLLECT_INTERRUPTED', 'ended'));
  const waiting = persist(() => Promise.reject(cut()), {
    signal: controller.signal,
    onRetry,
    pauses: [600_000],
  });
  await expect(waiting).rejects.toMatchObject({ code: 'COLLECT_INTERRUPTED' });
});
