// `npm run -s sbom`: the production packages of all platforms, as a CycloneDX document on standard
// output; `-- --sbom-format=spdx` prints SPDX. It runs `npm sbom` on copies of package.json and
// package-lock.json without development packages, because `npm sbom --omit=dev` also leaves out
// packages that both need (https://github.com/npm/cli/issues/7909), such as @opentelemetry/api, ajv
// and yaml.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npmCommand, ROOT } from './set-up.mjs';

const directory = mkdtempSync(join(tmpdir(), 'callkeeper-sbom-'));
try {
  process.exitCode = tell(process.argv.slice(2));
} finally {
  rmSync(directory, { recursive: true });
}

function tell(options) {
  const { devDependencies: _, ...manifest } = read('package.json');
  const lock = read('package-lock.json');
  delete lock.packages[''].devDependencies;
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).filter(([, { dev = false }]) => !dev),
  );
  // npm names the document after the directory.
  const cwd = join(directory, manifest.name);
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(cwd, 'package-lock.json'), JSON.stringify(lock));
  const [npm, ...first] = npmCommand();
  const what = ['--package-lock-only', '--sbom-type=application', '--sbom-format=cyclonedx'];
  const { status, error } = spawnSync(npm, [...first, 'sbom', ...what, ...options], {
    cwd,
    stdio: 'inherit',
  });
  if (error) throw error;
  return status ?? 1;
}

function read(file) {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
}
