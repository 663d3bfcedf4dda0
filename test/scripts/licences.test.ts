import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

type Entry = Record<string, unknown>;

/** Runs scripts/check-licences.mjs on the lock file of here with some packages more, or other ones. */
function check(changed: Record<string, Entry>) {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-licences-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'package-lock.json');
  for (const [path, entry] of Object.entries(changed)) {
    lock.packages[path] = { version: '1.0.0', ...lock.packages[path], ...entry };
  }
  writeFileSync(file, JSON.stringify(lock));
  const script = 'scripts/check-licences.mjs';
  return spawnSync(process.execPath, [script, file], { encoding: 'utf8' });
}

const some = (entry: Entry) => check({ 'node_modules/some': entry });

describe('the check of licences', () => {
  test('passes on the packages of here', () => {
    expect(check({})).toMatchObject({ status: 0, stderr: '' });
  });

  test.each([
    'MIT',
    '(GPL-3.0-only OR Apache-2.0)',
    'ISC AND (BSD-2-Clause OR GPL-2.0-only)',
    'Apache-2.0 WITH LLVM-exception',
  ])('passes on %s', (license) => {
    expect(some({ license })).toMatchObject({ status: 0, stderr: '' });
  });

  test.each([
    ['GPL-3.0-only', 'has the licence GPL-3.0-only, which is not allowed'],
    ['MIT AND GPL-2.0+', 'has the licence MIT AND GPL-2.0+, which is not allowed'],
    ['LicenseRef-ours', 'has the licence LicenseRef-ours, which is not allowed'],
    ['UNLICENSED', 'has the licence "UNLICENSED", which is no expression of SPDX'],
    ['SEE LICENSE IN X', 'has the licence "SEE LICENSE IN X", which is no expression of SPDX'],
    [{ type: 'MIT' }, 'has the licence {"type":"MIT"}, which is no expression of SPDX'],
    ['', 'names no licence'],
    [undefined, 'names no licence'],
  ])('fails on %j', (license, fault) => {
    const stderr = `licences: some@1.0.0 (node_modules/some) ${fault}\n`;
    expect(some({ license })).toMatchObject({ status: 1, stderr });
  });

  test('takes an exception for development only, and only with the licence it is for', () => {
    const path = 'node_modules/some/node_modules/axe-core';
    const fault = `licences: axe-core@1.0.0 (${path})`;
    expect(check({ [path]: { license: 'MPL-2.0', dev: true } }).status).toBe(0);
    expect(check({ [path]: { license: 'MPL-2.0' } }).stderr).toContain(fault);
    expect(check({ [path]: { license: 'MPL-1.1', dev: true } }).stderr).toContain(fault);
  });

  test('fails on an exception that nothing needs any more', () => {
    expect(check({ 'node_modules/axe-core': { license: 'MIT' } })).toMatchObject({
      status: 1,
      stderr: 'licences: axe-core is no exception any more: remove it\n',
    });
  });
});
