// Checks with publint that each tarball would contain what its package.json promises, and that the
// client depends on nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { clientFaults, writeClientPackage } from './client-package.mjs';

const pkgDir = fileURLToPath(new URL('..', import.meta.url));

// publint checks dist/ as it is.
const built = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: pkgDir, stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);
const client = mkdtempSync(join(tmpdir(), 'callkeeper-client-'));
try {
  writeClientPackage(client);
  const faults = clientFaults(client);
  for (const folder of [pkgDir, client]) faults.push(...(await publishFaults(folder)));
  if (faults.length > 0) {
    process.stderr.write(`${faults.join('\n')}\n`);
    process.exitCode = 1;
  }
} finally {
  rmSync(client, { recursive: true });
}

async function publishFaults(folder) {
  const { messages, pkg } = await publint({ pkgDir: folder, pack: false, strict: true });
  return messages.map((message) => `${pkg.name}: ${formatMessage(message, pkg)}`);
}
