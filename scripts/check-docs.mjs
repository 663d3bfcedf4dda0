// Checks the docs against the code: each route, problem and metric has its row, each link leads
// somewhere, and the README stays short.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROBLEMS } from '../src/http/problems.ts';
import { METRIC, read, readMetrics } from './facts.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MOST_README_LINES = 150;
const PAGES = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

const faults = [
  ...lengthFaults(),
  ...problemFaults('docs/api.md'),
  ...routeFaults('docs/api.md'),
  ...metricFaults(),
  ...PAGES.flatMap(linkFaults),
  ...PAGES.flatMap(pathFaults),
];
if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
}

function lengthFaults() {
  const lines = read('README.md').trimEnd().split('\n').length;
  if (lines <= MOST_README_LINES) return [];
  return [`README.md has ${lines} lines; at most ${MOST_README_LINES} are allowed`];
}

function problemFaults(page) {
  const rows = readRows(page);
  return Object.entries(PROBLEMS)
    .map(([name, { status }]) => `| \`${name}\` | ${status} |`)
    .filter((start) => !rows.some((row) => row.startsWith(start)))
    .map((start) => `${page}: no row for the problem ${start}`);
}

function routeFaults(page) {
  const text = read(page);
  const { paths } = JSON.parse(read('config/openapi.json'));
  return Object.entries(paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((name) => [name.toUpperCase(), path]))
    .map((route) => route.join(' '))
    .filter((route) => !text.includes(`\`${route}\``))
    .map((route) => `${page}: no route ${route}`);
}

/** metrics-page.mjs checks docs/metrics.md; this checks the other pages. */
function metricFaults() {
  const metrics = readMetrics();
  // Not CHANGELOG.md, which also names metrics of the past.
  const users = [...PAGES.filter((file) => file !== 'CHANGELOG.md'), 'config/alerts.yml'];
  return users.flatMap((file) => {
    const unknown = namesIn(METRIC, read(file)).difference(metrics);
    return [...unknown].map((name) => `${file}: there is no metric ${name}`);
  });
}

/** To files of the repository, and to headings. */
function linkFaults(page) {
  return [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path, anchor] = target.split('#');
    const file = path === '' ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(ROOT, file))) return [`${page}: ${target} does not exist`];
    const isBroken = anchor !== undefined && !anchorsOf(file).has(anchor);
    return isBroken ? [`${page}: ${file} has no heading #${anchor}`] : [];
  });
}

/** Paths that a page names as code, such as `src/graph/clouds.ts`. */
function pathFaults(page) {
  if (page === 'CHANGELOG.md') return [];
  const named = read(page).matchAll(/`((?:src|test|scripts|config|docs|examples)\/[\w./-]*)`/g);
  return [...named]
    .map(([, path]) => path)
    .filter((path) => !existsSync(join(ROOT, path)))
    .map((path) => `${page}: ${path} does not exist`);
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(file) {
  const headings = withoutCode(read(file)).matchAll(/^#{1,6} (.+)$/gm);
  return new Set(Array.from(headings, ([, heading]) => anchorOf(heading)));
}

function anchorOf(heading) {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

function withoutCode(text) {
  return text.replaceAll(/^```.*?^```/gms, '');
}

function readRows(page) {
  const lines = read(page).split('\n');
  return lines
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.replaceAll(/ +\|/g, ' |'));
}

function namesIn(pattern, text) {
  return new Set(text.match(pattern));
}
