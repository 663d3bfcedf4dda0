// Checks that every package of package-lock.json may be used: it names an allowed licence, or is an
// exception with a reason. It uses the licences that the packages themselves name. `node
// scripts/check-licences.mjs [LOCK_FILE]`.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import parse from 'spdx-expression-parse';

/** These demand only that their text, the authors and the changes are named. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
]);

/**
 * By package and licence, so that a new licence is checked again. The daemon uses none of them:
 * they are neither in the image nor installed with the package.
 */
const EXCEPTIONS = [
  { name: 'axe-core', licence: 'MPL-2.0', why: 'runs in a test, unchanged' },
  { name: 'lightningcss', licence: 'MPL-2.0', why: 'comes with vitest, unchanged' },
  { name: /^lightningcss-/, licence: 'MPL-2.0', why: 'lightningcss for one platform' },
  { name: 'argparse', licence: 'Python-2.0', why: 'for reading YAML; asks for what BSD asks' },
  { name: 'argparse', licence: 'PSF-2.0', why: 'the same in a later version' },
  { name: 'spdx-exceptions', licence: 'CC-BY-3.0', why: 'a list of names, for this check' },
];

const file = process.argv[2] ?? fileURLToPath(new URL('../package-lock.json', import.meta.url));
const { packages } = JSON.parse(readFileSync(file, 'utf8'));
const faults = [];
const used = new Set();

for (const [path, { name, version, license: licence, dev }] of Object.entries(packages)) {
  if (path === '') continue; // this one
  const called = name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const fault = faultOf(called, licence, Boolean(dev));
  if (fault) faults.push(`${called}@${version} (${path}) ${fault}`);
}
for (const exception of EXCEPTIONS) {
  if (!used.has(exception)) faults.push(`${exception.name} is no exception any more: remove it`);
}

if (faults.length > 0) {
  process.stderr.write(`licences: ${faults.join('\nlicences: ')}\n`);
  process.exitCode = 1;
}

function faultOf(name, licence, isDevelopment) {
  const exception = EXCEPTIONS.find(
    (one) => matches(one.name, name) && one.licence === licence && isDevelopment,
  );
  if (exception) used.add(exception);
  else if (!licence) return 'names no licence';
  else return faultOfExpression(licence);
  return null;
}

function faultOfExpression(licence) {
  try {
    return isAllowed(parse(licence)) ? null : `has the licence ${licence}, which is not allowed`;
  } catch {
    return `has the licence ${JSON.stringify(licence)}, which is no expression of SPDX`;
  }
}

/** Ignores the `WITH` exceptions of SPDX, which only permit more. */
function isAllowed({ license, plus, conjunction, left, right }) {
  if (license) return !plus && ALLOWED.has(license);
  if (conjunction === 'or') return isAllowed(left) || isAllowed(right);
  return isAllowed(left) && isAllowed(right);
}

function matches(pattern, name) {
  return pattern instanceof RegExp ? pattern.test(name) : pattern === name;
}
