import { defineConfig } from 'vitest/config';

/** The tests that need the real node: one file at a time, because they share its two cores. */
export default defineConfig({
  test: {
    include: ['test/node/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 1_800_000,
    teardownTimeout: 60_000,
  },
});
