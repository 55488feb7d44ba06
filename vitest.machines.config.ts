import { defineConfig } from 'vitest/config';

/** The tests on emulated machines, which take half an hour: no part of `npm test`. */
export default defineConfig({
  test: {
    include: ['test/machines/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    // Longer than a machine may run, with what has to be fetched for it.
    hookTimeout: 3_600_000,
  },
});
