import { defineConfig } from 'vitest/config';

/** The tests that need a real node: two files at a time, each on a node of its own. They wait more than they compute. */
export default defineConfig({
  test: {
    include: ['test/node/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 1_800_000,
    teardownTimeout: 60_000,
  },
});
