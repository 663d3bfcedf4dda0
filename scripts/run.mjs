// `npm run …`: installs what a program needs, then runs it under Node 24. A service manager that
// needs the program's exit code should run this file itself, because npm may end before the
// program: see `watchParent` in launch.mjs.
import { delimiter } from 'node:path';
import { launch } from './launch.mjs';
import { toolsFor } from './platform.mjs';
import {
  BIN,
  findNode,
  installPackages,
  installTool,
  isNewEnough,
  ROOT,
  SetUpError,
} from './set-up.mjs';
import { TEST_SCRIPTS, testProgram } from './test-scripts.mjs';

/** `development`: needs more than the production packages. */
const PROGRAMS = {
  start: { run: ['src/main.ts'], tools: [], development: false },
  cli: { run: ['src/cli.ts'], tools: [], development: false },
  demo: { run: ['src/cli.ts', 'demo'], tools: ['redis-server'], development: true },
  simulator: { run: ['src/cli.ts', 'simulator'], tools: [], development: true },
  soak: { run: ['test/faults/soak.ts'], tools: ['redis-server', 'faketime'], development: true },
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
  configuration: { run: ['scripts/configuration.mjs'], tools: [], development: true },
  openapi: { run: ['scripts/openapi.mjs'], tools: [], development: true },
  metrics: { run: ['scripts/metrics-page.mjs'], tools: [], development: true },
  picture: {
    run: ['test/board/picture.ts'],
    tools: ['redis-server', 'chromium'],
    development: true,
  },
  release: { run: ['scripts/release.mjs'], tools: [], development: true },
  build: { run: ['scripts/build.mjs'], tools: [], development: true },
};

async function main([name = '', ...args]) {
  const program = programOf(name, args);
  installPackages({ production: !program.development && isNewEnough(process.versions.node) });
  for (const tool of toolsFor(name, program.tools, process.platform)) installTool(tool);
  const PATH = `${BIN}${delimiter}${process.env.PATH ?? ''}`;
  const env = { ...process.env, PATH };
  // The program answers `--help` and refuses unknown options itself.
  const run = name === 'start' && args.length > 0 ? ['src/cli.ts', 'serve'] : program.run;
  process.exitCode = await launch(findNode(), [...run, ...args], { cwd: ROOT, env });
  process.stdout.write(program.after ?? '');
}

function programOf(name, args) {
  if (Object.hasOwn(TEST_SCRIPTS, name)) return testProgram(name, args);
  if (Object.hasOwn(PROGRAMS, name)) return PROGRAMS[name];
  const names = [...Object.keys(PROGRAMS), ...Object.keys(TEST_SCRIPTS)];
  throw new SetUpError(`usage: node scripts/run.mjs ${names.join('|')} [options]`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`callkeeper: ${error.message}\n`);
  process.exitCode = 1;
}
