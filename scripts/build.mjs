// Builds dist/ for the package, because Node strips no types under node_modules. The repository
// itself does not use it.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
tsc('-p', 'tsconfig.build.json');
// The client again, with types, for older versions of Node.
tsc('-p', 'tsconfig.client.json');
nameJavaScript(new URL('../dist/client/', import.meta.url));

// The files for browsers are copied unchanged.
cpSync(new URL('../src/board', import.meta.url), new URL('../dist/board', import.meta.url), {
  recursive: true,
  filter: (file) => !file.endsWith('tsconfig.json'),
});

/** tsc does not rewrite imports in declarations, which would name files that are not packed. */
function nameJavaScript(directory) {
  for (const name of readdirSync(directory).filter((file) => file.endsWith('.d.ts'))) {
    const file = new URL(name, directory);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/(from '\.\/[^']+)\.ts'/g, "$1.js'"));
  }
}

function tsc(...args) {
  const { status, error } = spawnSync('tsc', args, { cwd: ROOT, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
