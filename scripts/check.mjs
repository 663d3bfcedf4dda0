// `npm run check`: all checks that need not run the program, the cheap ones first.
// `npm run check -- types lint` runs only those two.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { SKIPPED } from './facts.mjs';

const { execPath: node } = process;
/** Without colours: the output is indented, and may go to a file. */
const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
/** `bash -n` checks only the first file. */
const SHELL = ['.ci/run', 'scripts/roll.sh', 'config/docker/health', 'test/scripts/fake-docker.sh'];
/** Name, title and command of each check; the cheap ones come first. */
const CHECKS = [
  [
    'shell',
    'shell syntax',
    'bash',
    '-c',
    'for file; do bash -n "$file" || exit; done',
    '-',
    ...SHELL,
  ],
  ['lock', 'package-lock.json', node, 'scripts/check-lock.mjs'],
  ['licences', 'licences of the packages', node, 'scripts/check-licences.mjs'],
  ['docs', 'the docs fit the code, and their links work', node, 'scripts/check-docs.mjs'],
  ['metrics', 'docs/metrics.md has every metric', node, 'scripts/metrics-page.mjs', '--check'],
  ['systemd', 'systemd unit', node, 'scripts/check-systemd.mjs'],
  ['env', 'docker-compose.yml knows the variables', node, 'scripts/check-compose.mjs'],
  [
    'config',
    'docs/configuration.md, .env.example and config/*.schema.json are current',
    node,
    'scripts/configuration.mjs',
    '--check',
  ],
  ['dockerfile', 'Dockerfile', 'dockerfile-utils', 'lint', 'Dockerfile'],
  // There is no Bicep compiler on npm.
  ['bicep', 'Bicep: grammar and names, not compiled', node, 'scripts/check-bicep.mjs'],
  ['yaml', 'YAML', 'yamllint', '--strict', '.'],
  ['board', 'types of the board', 'tsc', '-p', 'src/board'],
  [
    'compose',
    'docker-compose.yml, compose.demo.yml',
    node,
    'node_modules/dclint/bin/dclint.cjs',
    'docker-compose.yml',
    'compose.demo.yml',
    '--max-warnings=0',
  ],
  ['openapi', 'OpenAPI document is current', node, 'scripts/openapi.mjs', '--check'],
  ['kubernetes', 'Kubernetes manifests', node, 'scripts/check-kubernetes.mjs'],
  [
    'kustomize',
    'Kubernetes manifests, as kustomize builds them',
    node,
    'scripts/check-kubernetes.mjs',
    '--built',
  ],
  // Includes the directions and cycles of imports: see biome.json.
  [
    'lint',
    'lint, format, imports',
    'biome',
    'ci',
    '--colors=off',
    '--error-on-warnings',
    '--max-diagnostics=50',
  ],
  ['unused', 'unused code', 'knip', '--no-progress'],
  ['types', 'types', 'tsc'],
  // The tests under test/pack/ also install the package.
  ['package', 'package.json fits what is packed', node, 'scripts/check-package.mjs'],
];

const OUTCOMES = new Map([
  [0, 'passed'],
  [SKIPPED, 'skipped'],
]);
const MARKS = { passed: 'ok     ', failed: 'FAILED ', skipped: 'skipped' };

/** Resolves with the result and output of the check. */
function run([name, title, program, ...args]) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    const end = (outcome) => {
      const seconds = (performance.now() - startedAt) / 1_000;
      resolve({ name, title, outcome, seconds, output: output.join('') });
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

/** The named checks, or all. */
function chosen(names) {
  const unknown = names.filter((name) => !CHECKS.some(([known]) => known === name));
  if (unknown.length === 0) {
    return names.length === 0 ? CHECKS : CHECKS.filter(([name]) => names.includes(name));
  }
  const known = CHECKS.map(([name]) => name).join(' ');
  process.stderr.write(`check: there is no check ${unknown.join(', ')}; there are ${known}\n`);
  process.exit(2);
}

const counts = { passed: 0, failed: 0, skipped: 0 };
function report({ name, title, outcome, seconds, output }) {
  const took = `${seconds.toFixed(1)} s`;
  process.stdout.write(`${MARKS[outcome]} ${name.padEnd(10)} ${title} (${took})\n`);
  counts[outcome] += 1;
  if (outcome === 'passed') return;
  process.stdout.write(`${output.replaceAll(/^/gm, '        ').trimEnd()}\n`);
}

const waiting = chosen(process.argv.slice(2)).values();
const take = async () => {
  for (const check of waiting) report(await run(check));
};
await Promise.all(Array.from({ length: availableParallelism() }, take));
const { passed, failed, skipped } = counts;
process.stdout.write(`\nChecks: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = failed > 0 ? 1 : 0;
