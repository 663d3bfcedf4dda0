import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

const COPIED = ['scripts', 'docs', ...readdirSync('.').filter((file) => file.endsWith('.md'))];
const LINKED = readdirSync('.').filter((path) => !COPIED.includes(path) && path !== '.git');

/** What the check prints about a copy of the repository in which `change` has changed a file. */
function checkWith(file: string, change: (text: string) => string): string {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-check-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const path of COPIED) cpSync(path, join(directory, path), { recursive: true });
  for (const path of LINKED) symlinkSync(resolve(path), join(directory, path));
  writeFileSync(join(directory, file), change(readFileSync(file, 'utf8')));
  const options = { cwd: directory, encoding: 'utf8' } as const;
  const { status, stderr } = spawnSync(process.execPath, ['scripts/check-docs.mjs'], options);
  expect(status).toBe(stderr === '' ? 0 : 1);
  return stderr;
}

const append = (line: string) => (text: string) => `${text}\n${line}\n`;
const drop = (start: string) => (text: string) => {
  const lines = text.split('\n');
  const left = lines.filter((line) => !line.startsWith(start));
  expect(left.length).toBe(lines.length - 1);
  return left.join('\n');
};

describe('the check of the docs', () => {
  test('finds no fault in them as they are', () => {
    expect(checkWith('README.md', (text) => text)).toBe('');
  });

  test.each([
    [
      'docs/api.md',
      drop('| `call-ended` | 404 |'),
      'no row for the problem | `call-ended` | 404 |',
    ],
    ['docs/api.md', drop('| `GET /overview` |'), 'no route GET /overview'],
    ['docs/traces.md', append('`callkeeper_no_total`'), 'there is no metric callkeeper_no_total'],
    ['docs/adr/README.md', append('[x](../none.md)'), '../none.md does not exist'],
    ['docs/adr/README.md', append('[x](../api.md#none)'), 'docs/api.md has no heading #none'],
    ['README.md', append('[x](#none)'), 'README.md has no heading #none'],
    ['CONTRIBUTING.md', append('`src/graph/none.ts`'), 'src/graph/none.ts does not exist'],
    ['README.md', append('\n'.repeat(150).concat('.')), 'at most 150 are allowed'],
  ])('finds the fault in a changed %s', (file, change, fault) => {
    expect(checkWith(file, change)).toContain(fault);
  });

  test.each(['[x](../api.md#the-call)', '[x](../api.md)', '```sh\n[x](none.md)\n```'])(
    'finds no fault in the line %j of a page in a folder',
    (line) => {
      expect(checkWith('docs/adr/README.md', append(line))).toBe('');
    },
  );
});
