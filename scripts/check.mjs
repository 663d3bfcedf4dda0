// `npm run check`: everything that can be said of the repository without running it.
import { spawn } from 'node:child_process';
import { SKIPPED } from './facts.mjs';

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
  ['YAML', 'yamllint', '--strict', '.'],
  ['Kubernetes manifests', node, 'scripts/check-kubernetes.mjs'],
  [
    'Kubernetes manifests, as kustomize builds them',
    node,
    'scripts/check-kubernetes.mjs',
    '--built',
  ],
  // No compiler of Bicep can be had from npm.
  ['Bicep: grammar and names, not compiled', node, 'scripts/check-bicep.mjs'],
  ['systemd unit', node, 'scripts/check-systemd.mjs'],
  ['shell syntax', 'bash', '-n', '.ci/run'],
];

const OUTCOMES = new Map([
  [0, 'passed'],
  [SKIPPED, 'skipped'],
]);
const MARKS = { passed: 'ok     ', failed: 'FAILED ', skipped: 'skipped' };

/** Resolves with what the check printed, and what came of it. */
function run([title, program, ...args]) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    const end = (outcome) => {
      const seconds = (performance.now() - startedAt) / 1_000;
      resolve({ title, outcome, seconds, output: output.join('') });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => output.push(text));
    }
    child.once('error', (error) => {
      output.push(`${error.message}\n`);
      end('failed');
    });
    child.once('close', (code) => end(OUTCOMES.get(code) ?? 'failed'));
  });
}

const running = CHECKS.map(run);
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const check of running) {
  const { title, outcome, seconds, output } = await check;
  process.stdout.write(`${MARKS[outcome]} ${title} (${seconds.toFixed(1)} s)\n`);
  counts[outcome] += 1;
  if (outcome === 'passed') continue;
  process.stdout.write(`${output.replaceAll(/^/gm, '        ').trimEnd()}\n`);
}
const { passed, failed, skipped } = counts;
process.stdout.write(`\nChecks: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = failed > 0 ? 1 : 0;
