// `npm run check`: everything that can be said of the repository without running it.
import { spawn } from 'node:child_process';

const { execPath: node } = process;
/** What is printed is indented, and may go to a file: without colours. */
const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
const CHECKS = [
  // With the directions of imports and their cycles: see biome.json.
  [
    'lint, format, imports',
    'biome',
    'ci',
    '--colors=off',
    '--error-on-warnings',
    '--max-diagnostics=50',
  ],
  ['types', 'tsc'],
  ['types of the board', 'tsc', '-p', 'src/board'],
  ['unused code', 'knip', '--no-progress'],
  ['OpenAPI document is current', node, 'scripts/openapi.mjs', '--check'],
  ['README tells what the code does', node, 'scripts/check-readme.mjs'],
  // With what is under test/pack/ it is tried as well.
  ['package.json fits what is packed', node, 'scripts/check-package.mjs'],
  ['package-lock.json', node, 'scripts/check-lock.mjs'],
  ['licences of the packages', node, 'scripts/check-licences.mjs'],
  ['Dockerfile', 'dockerfile-utils', 'lint', 'Dockerfile'],
  [
    'docker-compose.yml',
    node,
    'node_modules/dclint/bin/dclint.cjs',
    'docker-compose.yml',
    '--max-warnings=0',
  ],
  ['shell syntax', 'bash', '-n', '.ci/run'],
];

/** Resolves with what the check printed, and whether it passed. */
function run([title, program, ...args]) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    const end = (passed) => {
      const seconds = (performance.now() - startedAt) / 1_000;
      resolve({ title, passed, seconds, output: output.join('') });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => output.push(text));
    }
    child.once('error', (error) => {
      output.push(`${error.message}\n`);
      end(false);
    });
    child.once('close', (code) => end(code === 0));
  });
}

const running = CHECKS.map(run);
let failed = 0;
for (const check of running) {
  const { title, passed, seconds, output } = await check;
  process.stdout.write(`${passed ? 'ok    ' : 'FAILED'}  ${title} (${seconds.toFixed(1)} s)\n`);
  if (passed) continue;
  failed += 1;
  process.stdout.write(`${output.replaceAll(/^/gm, '        ').trimEnd()}\n`);
}
process.stdout.write(`\nChecks: ${CHECKS.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
