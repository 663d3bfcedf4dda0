import { defineConfig } from 'vitest/config';

/** `npm run test:cluster`: a Sentinel group or a Cluster in each, so one at a time. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/cluster/**/*.test.ts'],
    fileParallelism: false,
    maxConcurrency: 1,
    testTimeout: 240_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
});
