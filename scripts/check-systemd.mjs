// Checks config/systemd with systemd itself, if it is installed, and against the daemon.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isVariable, read, SKIPPED, shutdownSeconds } from './facts.mjs';

const UNIT = 'config/systemd/callkeeper.service';
const ENVIRONMENT = 'config/systemd/environment.example';
/**
 * On a scale to 10: https://www.freedesktop.org/software/systemd/man/latest/systemd-analyze.html
 */
const MOST_EXPOSED = 1.5;
const faults = [];

const unit = read(UNIT);
const given = [
  ...unit.matchAll(/^#?Environment=([A-Z_]+)=/gm),
  ...read(ENVIRONMENT).matchAll(/^(?:# )?([A-Z_]+)=/gm),
];
for (const [, name] of given) {
  if (!isVariable(name) && name !== 'NODE_ENV') {
    faults.push(`config/systemd: ${name} is no variable of src/config/config.ts`);
  }
}
const credentials = new Set([...unit.matchAll(/^#?LoadCredential=([^:]+):/gm)].map(([, it]) => it));
for (const [, name] of unit.matchAll(/=%d\/(\S+)/g)) {
  if (!credentials.has(name)) faults.push(`${UNIT}: no credential ${name} is loaded`);
}
const [, grace] = /^TimeoutStopSec=(\d+)s$/m.exec(unit) ?? [];
if (!(Number(grace) > shutdownSeconds())) {
  faults.push(`${UNIT}: TimeoutStopSec is too short for SHUTDOWN_TIMEOUT`);
}

const directory = mkdtempSync(join(tmpdir(), 'callkeeper-check-'));
// With its final name, and with a node that exists here.
const file = join(directory, 'callkeeper.service');
writeFileSync(file, unit.replace('/usr/bin/node', process.execPath));
const verified = analyze('verify', file);
if (verified) {
  // Its exit code is 0 even if it ignores something unknown, and it reports other units too.
  const told = verified.stderr.split('\n').filter((line) => line.includes('callkeeper.service'));
  if (verified.status !== 0 || told.length > 0) faults.push(told.join('\n') || verified.stderr);
  const rated = analyze('security', '--offline=true', `--threshold=${MOST_EXPOSED * 10}`, file);
  if (rated.status !== 0) faults.push(`${UNIT}: exposed to more than ${MOST_EXPOSED}`);
}
rmSync(directory, { recursive: true });

if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
} else if (!verified) {
  process.stderr.write('no systemd-analyze on the PATH: only names and times were looked at\n');
  process.exitCode = SKIPPED;
}

/** null without systemd-analyze. */
function analyze(...args) {
  const result = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  if (result.error?.code === 'ENOENT') return null;
  if (result.error) throw result.error;
  return result;
}
