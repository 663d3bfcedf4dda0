import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { PROJECTS } from './scripts/test-scripts.mjs';

/** Of what is waited for; vitest's own second is too short for a busy machine. */
const expect = { poll: { timeout: 15_000, interval: 20 } };
const isFile = (path: string) => path.endsWith('.ts');
const globs = (paths: readonly string[]) =>
  paths.map((path) => (isFile(path) ? `test/${path}` : `test/${path}/**/*.test.ts`));

/** What the projects differ in; scripts/test-scripts.mjs has their files and their scripts. */
const OWN = {
  // One worker more than by default: many tests wait for something most of the time.
  parts: { maxWorkers: availableParallelism(), maxConcurrency: 8 },
  // Each scenario has a world of its own, and mostly waits: all four at once keep two cores half busy.
  promises: { fileParallelism: false, maxConcurrency: 4, disableConsoleIntercept: true },
  // Replicas as processes, whose calls have deadlines of some seconds: not more on more cores.
  replicas: { maxWorkers: 2 },
  board: {},
  alerts: {},
  deploy: {},
  // One set of published ports, and images to build.
  image: {
    globalSetup: 'test/image/set-up.ts',
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
  pack: {},
  // Some scenarios leave a second to spare: more at once would not keep up.
  faults: {
    fileParallelism: false,
    maxConcurrency: 2,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
  // A Sentinel group or a Cluster in each, so one at a time.
  cluster: {
    fileParallelism: false,
    maxConcurrency: 1,
    testTimeout: 240_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
} satisfies Record<keyof typeof PROJECTS, object>;

const names = Object.keys(PROJECTS) as (keyof typeof PROJECTS)[];
const others = names.flatMap((name) => globs(PROJECTS[name].in));

/** A project a kind of test; each has the machine to itself when several are run. */
export default defineConfig({
  test: {
    projects: names.map((name, groupOrder) => ({
      test: {
        name,
        include: name === 'parts' ? ['test/**/*.test.ts'] : globs(PROJECTS[name].in),
        exclude: name === 'parts' ? others : [],
        // Many tests run processes and real servers; this is for a slow machine, not to wait for.
        testTimeout: 60_000,
        hookTimeout: 120_000,
        expect,
        maxConcurrency: 2,
        maxWorkers: availableParallelism(),
        sequence: { groupOrder },
        ...OWN[name],
      },
    })),
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'json-summary'],
      reportOnFailure: true,
    },
  },
});
