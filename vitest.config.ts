import { defineConfig } from 'vitest/config';

/** The fast tests: beside the source, and whole-program tests on the recorded fixtures. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'testbed/**/*.test.ts', 'test/*.test.ts'],
    testTimeout: 30_000,
  },
});
