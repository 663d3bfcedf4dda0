// Packs the Node client: callkeeper-client-<version>.tgz, beside the tarball that `npm pack` makes.
// npm runs it after that (`postpack`), or `npm run pack:client` alone. Needs dist/client.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { clientFaults, writeClientPackage } from './client-package.mjs';
import { ROOT } from './set-up.mjs';

const folder = mkdtempSync(join(tmpdir(), 'callkeeper-client-'));
try {
  writeClientPackage(folder);
  const faults = clientFaults(folder);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  // npm passes on `--pack-destination` of `npm pack`.
  const destination = resolve(ROOT, process.env.npm_config_pack_destination ?? '.');
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', destination];
  const { status, stdout, error } = spawnSync('npm', args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error) throw error;
  if (status !== 0) process.exitCode = status ?? 1;
  else for (const { filename } of JSON.parse(stdout)) process.stderr.write(`${filename}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
