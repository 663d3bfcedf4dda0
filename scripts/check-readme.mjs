// Holds README.md against the code: what it names is there, with its default, and what is
// there is named.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PROBLEMS } from '../src/http/problems.ts';
import { METRIC, readMetrics, VARIABLES } from './facts.mjs';

const faults = [];
const readme = read('README.md').replaceAll(/ +\|/g, ' |');

for (const [name, value] of VARIABLES) {
  const row = rowOf(name);
  if (row === null) faults.push(`README.md: no row for the variable ${name} of src/config.ts`);
  else if (value && !row.includes(`\`${value}\``)) {
    faults.push(`README.md: the row of ${name} lacks its default ${value}`);
  }
}

for (const [name, { status }] of Object.entries(PROBLEMS)) {
  if (!readme.includes(`\n| \`${name}\` | ${status} |`)) {
    faults.push(`README.md: no row for the problem ${name} with its status ${status}`);
  }
}

const measured = readMetrics();
// Not CHANGELOG.md, which also names what is gone.
for (const file of ['README.md', 'config/alerts.yml']) {
  for (const name of named(METRIC, read(file)).difference(measured)) {
    faults.push(`${file}: ${name} is no metric of src/metrics/table.ts`);
  }
}

const { paths } = JSON.parse(read('config/openapi.json'));
for (const [path, operations] of Object.entries(paths)) {
  for (const method of Object.keys(operations)) {
    const route = `\`${method.toUpperCase()} ${path}\``;
    if (!readme.includes(route)) faults.push(`README.md: no route ${route}`);
  }
}

for (const file of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md']) {
  for (const [, target] of read(file).matchAll(/\]\(([^)#]+)/g)) {
    const isHere = !/^https?:/.test(target);
    if (isHere && !existsSync(pathOf(target))) faults.push(`${file}: ${target} is not there`);
  }
}

if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
}

/** The row of a table that begins with the variable, alone or among others. */
function rowOf(name) {
  return readme.split('\n').find((line) => line.startsWith('| `') && cell(line).has(name)) ?? null;
}

function cell(line) {
  return named(/[A-Z][A-Z_]+/g, line.split('|')[1]);
}

function named(pattern, text) {
  return new Set(text.match(pattern));
}

function pathOf(file) {
  return fileURLToPath(new URL(`../${file}`, import.meta.url));
}

function read(file) {
  return readFileSync(pathOf(file), 'utf8');
}
