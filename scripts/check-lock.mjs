// Checks that `npm ci` can install package-lock.json on every platform: npm leaves out packages for
// other platforms if a registry lacks them, and later refuses such a file. Also checks that every
// package has a hash, which npm leaves out for those packages.
import { readFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const { packages } = JSON.parse(readFileSync(file, 'utf8'));
const faults = [];

for (const [path, entry] of Object.entries(packages)) {
  const { dependencies = {}, optionalDependencies = {}, resolved, integrity } = entry;
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (!isFound(name, path)) faults.push(`${path} wants ${name}, which is missing`);
  }
  if (resolved) faults.push(`${path} says where it came from: run npm with the .npmrc of here`);
  if (path !== '' && !/^sha512-/.test(integrity)) {
    faults.push(`${path} has no hash: add what npm view ${nameOf(path)} dist.integrity says`);
  }
}

if (faults.length > 0) {
  process.stderr.write(`package-lock.json: ${faults.join('\npackage-lock.json: ')}\n`);
  process.exitCode = 1;
}

function nameOf(path) {
  return `${path.split('node_modules/').at(-1)}@${packages[path].version}`;
}

/** As Node resolves it: in the package's own node_modules, or in one further up. */
function isFound(name, path) {
  for (
    let from = path;
    ;
    from = from.slice(0, Math.max(0, from.lastIndexOf('node_modules/') - 1))
  ) {
    if (packages[`${from ? `${from}/` : ''}node_modules/${name}`]) return true;
    if (from === '') return false;
  }
}
