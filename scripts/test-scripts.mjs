// The scripts that run tests: the projects of vitest.config.ts that each runs, and the tools that
// it installs for them. Like run.mjs, this runs on Node 20 and without any package.
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ROOT } from './set-up.mjs';

/**
 * Project → its tests, as directories and files below test/. `parts` has all tests that no other
 * project has. The last lines of `npm test` show `what`.
 */
export const PROJECTS = {
  parts: { in: [], script: 'test', tools: ['redis-server'] },
  promises: { in: ['faults/promises.test.ts'], script: 'test', tools: ['redis-server'] },
  replicas: {
    in: [
      'process',
      'demo',
      'tracing/tracing.test.ts',
      'client/leased-owner.test.ts',
      'client/owned-calls.test.ts',
      'cli/check.test.ts',
      'cli/commands.test.ts',
      'cli/owners.test.ts',
      'cli/watch.test.ts',
    ],
    script: 'test:replicas',
    tools: ['redis-server'],
    what: 'replicas as processes, the demo, leases, and the commands that take long',
  },
  board: {
    in: ['board'],
    script: 'test:board',
    tools: ['redis-server', 'chromium'],
    what: 'the board, in Chromium',
  },
  alerts: {
    in: ['alerts'],
    script: 'test:alerts',
    tools: ['redis-server', 'prometheus'],
    what: 'alerts, dashboard and runbook, with Prometheus',
  },
  deploy: {
    in: ['deploy', 'scripts/roll.test.ts'],
    script: 'test:deploy',
    tools: ['haproxy'],
    what: 'the compose project, its HAProxy, and scripts/roll.sh',
  },
  image: {
    in: ['image'],
    script: 'test:image',
    // Docker is not installed for it: without one, the tests are skipped.
    tools: [],
    what: 'the image and the compose files, in Docker, if one answers',
  },
  pack: {
    in: ['pack', 'examples', 'scripts/release.test.ts', 'scripts/sbom.test.ts'],
    script: 'test:pack',
    tools: ['redis-server'],
    what: 'the npm package, the examples, a release',
  },
  faults: {
    in: ['faults/all'],
    script: 'test:faults',
    // For wrong clocks, Debian's libfaketime comes with the command.
    tools: ['redis-server', 'faketime'],
    what: 'every fault of Graph, Entra, Redis, clocks and replicas',
  },
  cluster: {
    in: ['cluster'],
    script: 'test:cluster',
    tools: ['redis-server', 'faketime'],
    what: 'faults of a Sentinel group and of a Redis Cluster',
  },
};

const VITEST = 'node_modules/vitest/vitest.mjs';
const names = Object.keys(PROJECTS);
const projectsFor = (script) => names.filter((name) => PROJECTS[name].script === script);

/** Script → the projects that it runs. */
export const TEST_SCRIPTS = {
  ...Object.fromEntries(
    names.map((name) => [PROJECTS[name].script, projectsFor(PROJECTS[name].script)]),
  ),
  'test:all': names,
  'test:watch': projectsFor('test'),
};

/** The project of a test file, which is given as a path below test/. */
export function projectOf(file) {
  const isIn = (path) => file === path || file.startsWith(`${path}/`);
  return names.find((name) => PROJECTS[name].in.some(isIn)) ?? 'parts';
}

/**
 * What `npm run <script> -- <args>` runs: the named files, whatever their project, or else the
 * script's projects.
 */
export function testProgram(script, args) {
  const files = namedFiles(args);
  const named = [...new Set(files.map(projectOf))];
  const projects = named.length > 0 ? named : TEST_SCRIPTS[script];
  const mode = script === 'test:watch' ? 'watch' : 'run';
  const reporter = named.length > 0 && !args.some((arg) => arg.startsWith('--reporter'));
  return {
    run: [
      VITEST,
      mode,
      ...projects.map((name) => `--project=${name}`),
      ...(reporter ? ['--reporter=dot'] : []),
    ],
    tools: [...new Set(projects.flatMap((name) => PROJECTS[name].tools))],
    development: true,
    after: script === 'test' && named.length === 0 ? notRun() : '',
  };
}

/** Options of vitest without a value: the word after one of these may be a file. */
const FLAGS = new Set(['--coverage', '--update', '-u', '--silent', '--no-color', '--']);

/** The test files whose paths contain one of the arguments, as in vitest. */
function namedFiles(args) {
  const isValue = (arg = '') => /^-[^=]*$/.test(arg) && !FLAGS.has(arg);
  const words = args.filter((arg, i) => !arg.startsWith('-') && !isValue(args[i - 1]));
  // `test/a.test.ts:12`, the test at that line, names the file too.
  const paths = words.map((word) => relative(ROOT, resolve(ROOT, word)).replace(/:\d+$/, ''));
  return testFiles().filter((file) => paths.some((path) => `test/${file}`.includes(path)));
}

/** As paths below test/. */
function testFiles() {
  const files = readdirSync(join(ROOT, 'test'), { recursive: true });
  return files
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.replaceAll('\\', '/'));
}

/** The last lines of `npm test`. */
function notRun() {
  const others = names.filter((name) => PROJECTS[name].script !== 'test');
  const lines = others.map((name) => {
    return `  npm run ${PROJECTS[name].script.padEnd(14)} ${PROJECTS[name].what}`;
  });
  const all = `  npm run ${'test:all'.padEnd(14)} all tests`;
  return `\nNot run here (CONTRIBUTING.md says what each takes):\n${[...lines, all].join('\n')}\n`;
}
