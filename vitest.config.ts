import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Of what is waited for; vitest's own second is too short for a busy machine. */
const expect = { poll: { timeout: 15_000, interval: 20 } };

/** Replicas as processes, whose calls have deadlines of some seconds. */
const REPLICAS = ['test/process/**/*.test.ts', 'test/demo/**/*.test.ts'];

/** `npm test`: the parts, and replicas with the machine to themselves. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/faults/**', 'test/cluster/**', 'test/bench/**', ...REPLICAS],
          // Many tests run processes and real servers; this is for a slow machine, not to wait for.
          testTimeout: 60_000,
          hookTimeout: 120_000,
          expect,
          // One more than by default: many wait for something most of the time.
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'replicas',
          include: [...REPLICAS, 'test/faults/quick*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
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
