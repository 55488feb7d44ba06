import { defineConfig } from 'vitest/config';

/** Mutated inputs in bounded numbers; `npm run fuzz` goes on without end. */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 900_000,
  },
});
