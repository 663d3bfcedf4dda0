import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Of what is waited for; vitest's own second is too short for a busy machine. */
const expect = { poll: { timeout: 15_000, interval: 20 } };

/** `npm test`: all parts, and the quick ones of the faults with the machine to themselves. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/faults/**', 'test/cluster/**', 'test/bench/**'],
          // Many tests run processes and real servers; this is for a slow machine, not to wait for.
          testTimeout: 30_000,
          hookTimeout: 30_000,
          expect,
          // Many wait for something most of the time.
          maxWorkers: availableParallelism() + 1,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/quick*.test.ts'],
          fileParallelism: false,
          expect,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    maxConcurrency: 2,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'json-summary'],
      reportOnFailure: true,
    },
  },
});
