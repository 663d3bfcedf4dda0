// `npm run …`: does the set-up that a program needs, then runs it under Node 24. The scripts of
// package.json begin with `exec`: what npm sends, and that it is gone, must reach this process,
// not a shell between the two.
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import util from 'node:util';
import { launch } from './launch.mjs';
import {
  BIN,
  findNode,
  installPackages,
  installTool,
  isNewEnough,
  ROOT,
  SetUpError,
} from './set-up.mjs';

/** For wrong clocks, Debian's libfaketime comes with the command. */
const FOR_FAULTS = ['redis-server', 'faketime'];
/** The board is looked at in a browser; the alerts are those that Prometheus sees. */
const FOR_TESTS = [...FOR_FAULTS, 'chromium', 'prometheus'];

/** `development` where the packages for production are not enough. */
const PROGRAMS = {
  start: { run: ['src/main.ts'], tools: [], development: false },
  cli: { run: ['src/cli.ts'], tools: [], development: false },
  demo: { run: ['src/cli.ts', 'demo'], tools: ['redis-server'], development: true },
  simulator: { run: ['src/cli.ts', 'simulator'], tools: [], development: true },
  test: {
    run: ['node_modules/vitest/vitest.mjs', 'run', '--coverage'],
    tools: FOR_TESTS,
    development: true,
  },
  'test:faults': {
    run: ['node_modules/vitest/vitest.mjs', 'run', '-c', 'test/faults/vitest.config.ts'],
    tools: FOR_FAULTS,
    development: true,
  },
  'test:cluster': {
    run: ['node_modules/vitest/vitest.mjs', 'run', '-c', 'test/cluster/vitest.config.ts'],
    tools: FOR_FAULTS,
    development: true,
  },
  soak: { run: ['test/faults/soak.ts'], tools: FOR_FAULTS, development: true },
  bench: {
    run: ['test/bench/main.ts'],
    tools: ['redis-server', 'postgresql'],
    development: true,
  },
  check: { run: ['scripts/check.mjs'], tools: ['yamllint'], development: true },
  format: {
    run: ['node_modules/@biomejs/biome/bin/biome', 'check', '--write'],
    tools: [],
    development: true,
  },
  openapi: { run: ['scripts/openapi.mjs'], tools: [], development: true },
  picture: {
    run: ['test/board/picture.ts'],
    tools: ['redis-server', 'chromium'],
    development: true,
  },
  release: { run: ['scripts/release.mjs'], tools: [], development: true },
  build: { run: ['scripts/build.mjs'], tools: [], development: true },
};

async function main([name = '', ...args]) {
  const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : null;
  if (!program) {
    throw new SetUpError(
      `usage: node scripts/run.mjs ${Object.keys(PROGRAMS).join('|')} [options]`,
    );
  }
  installPackages({ production: !program.development && isNewEnough(process.versions.node) });
  for (const tool of program.tools) installTool(tool);
  const PATH = `${BIN}${delimiter}${process.env.PATH ?? ''}`;
  const isOfDaemon = name === 'start' || name === 'cli';
  const env = { ...(isOfDaemon ? readEnvFile() : {}), ...process.env, PATH };
  process.exitCode = await launch(findNode(), [...program.run, ...args], { cwd: ROOT, env });
}

/**
 * The daemon reads its .env by itself, but too late for NODE_EXTRA_CA_CERTS, which Node
 * reads as it starts. (Node 20 has `parseEnv` from 20.12 on.)
 */
function readEnvFile() {
  try {
    return util.parseEnv?.(readFileSync(join(ROOT, '.env'), 'utf8')) ?? {};
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`callkeeper: ${error.message}\n`);
  process.exitCode = 1;
}
