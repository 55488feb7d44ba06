import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** The fast tests: beside the source, and whole-program tests on the recorded fixtures. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'testbed/**/*.test.ts', 'test/*.test.ts'],
    // Vitest leaves one core to itself, of two that is half.
    maxWorkers: availableParallelism(),
    // No module keeps what another test could stumble over; loading all of them anew for each file took a third of the time.
    isolate: false,
    testTimeout: 30_000,
  },
});
