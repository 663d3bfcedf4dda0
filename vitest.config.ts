import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They take long, and have configurations of their own.
    exclude: ['test/faults/**', 'test/bench/**'],
    // Many tests run processes and real servers; this is for a slow machine, not to wait for.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'json-summary'],
      reportOnFailure: true,
    },
  },
});
