import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const check = (...names: string[]) =>
  spawnSync(process.execPath, ['scripts/check.mjs', ...names], { encoding: 'utf8' });

test('npm run check runs the named checks, and no other', () => {
  const { status, stdout } = check('lock', 'shell');
  const made = [...stdout.matchAll(/^ok +(\S+) /gm)].map(([, name]) => name);
  expect(made.toSorted()).toEqual(['lock', 'shell']);
  expect(stdout).toMatch(/\nChecks: 2 passed, 0 failed, 0 skipped\n$/);
  expect(status).toBe(0);
});

test('npm run check refuses an unknown name, and lists the known ones', () => {
  const { status, stdout, stderr } = check('lock', 'locks');
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^check: there is no check locks; there are .*\block\b.*\btypes\b/);
});
