// `npm run openapi` writes config/openapi.json from the routes, and from that the types of the
// client; with --check it says whether both are current.
import { readFileSync, writeFileSync } from 'node:fs';
import { buildOpenApi } from '../src/http/app.ts';

const FILE = new URL('../config/openapi.json', import.meta.url);

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const current = `${JSON.stringify(await buildOpenApi(version), null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(FILE, current);
} else if (read(FILE) !== current) {
  process.stderr.write('config/openapi.json is not what the routes are: run npm run openapi\n');
  process.exitCode = 1;
}

await import('./client-types.mjs');

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // the same as one that is not current
  }
}
