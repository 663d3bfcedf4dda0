// Whether what package.json promises, with publint, is what a tarball would hold.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const pkgDir = fileURLToPath(new URL('..', import.meta.url));

// publint looks at dist/ as it stands.
const built = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: pkgDir, stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);
const { messages, pkg } = await publint({ pkgDir, pack: false, strict: true });
for (const message of messages) process.stderr.write(`${formatMessage(message, pkg)}\n`);
if (messages.length > 0) process.exitCode = 1;
