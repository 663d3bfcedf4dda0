import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

const COPIED = [
  ...['scripts', 'src', 'package.json', 'docs/configuration.md', '.env.example'],
  ...['config/apps.schema.json', 'config/access.schema.json'],
];

/** A copy of what the script needs, in which one text is replaced. */
function copyWith(file: string, is: string, becomes: string) {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-configuration-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const path of COPIED) {
    cpSync(path, join(directory, path), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(is);
  writeFileSync(join(directory, file), text.replace(is, becomes));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['scripts/configuration.mjs', ...args], {
      cwd: directory,
      encoding: 'utf8',
    });
  return { run, read: (path: string) => readFileSync(join(directory, path), 'utf8') };
}

describe('the reference of the variables', () => {
  test.each([
    ['a default', "default: '10m'", "default: '20m'", '`20m`', 'OWNER_GRACE=20m'],
    ['a sentence', 'Client id of the bot.', 'Id of the bot.', 'Id of the bot.', '# Id of the bot.'],
    ['a name', 'RATE_LIMIT: {', 'RATE_MOST: {', '`RATE_MOST`', '# RATE_MOST=1000'],
  ])(
    'is not current when %s changes, until it is written again',
    (_, is, becomes, page, example) => {
      const file = is.startsWith('RATE')
        ? 'src/config/table-api.ts'
        : 'src/config/table-microsoft.ts';
      const { run, read } = copyWith(file, is, becomes);
      const check = run('--check');
      expect(check.status).toBe(1);
      expect(check.stderr).toContain('docs/configuration.md does not match src/config/table.ts');
      expect(check.stderr).toContain('.env.example does not match src/config/table.ts');
      expect(run().status).toBe(0);
      expect(read('docs/configuration.md')).toContain(page);
      expect(read('.env.example')).toContain(example);
      expect(run('--check')).toMatchObject({ status: 0, stderr: '' });
    },
  );

  test('is not current when somebody edits the page', () => {
    const { run } = copyWith('docs/configuration.md', '`RATE_LIMIT`', '`RATE`');
    expect(run('--check').stderr).toContain('run npm run configuration');
  });
});

describe('the JSON schemas of the files', () => {
  test.each([
    ['apps', 'must be the path of a file', 'must be a path'],
    ['access', 'The name of an app.', 'An app.'],
  ])(
    'of %s are outdated when a rule changes, until they are written again',
    (name, is, becomes) => {
      const { run, read } = copyWith(`src/config/${name}-schema.ts`, is, becomes);
      const check = run('--check');
      expect(check.status).toBe(1);
      expect(check.stderr).toBe(
        `config/${name}.schema.json does not match src/config/${name}-schema.ts: run npm run configuration\n`,
      );
      expect(run().status).toBe(0);
      expect(read(`config/${name}.schema.json`)).toContain(becomes);
      expect(run('--check')).toMatchObject({ status: 0, stderr: '' });
    },
  );
});
