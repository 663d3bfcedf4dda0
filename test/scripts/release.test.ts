import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

const CHANGELOG = `# Changelog

## [Unreleased]

### Added

- A thing.

## [0.1.0] - 2026-02-03

- The first.
`;
const SLOW = { timeout: 60_000 };

/** A git repository with what a release needs of this one, at version 0.1.0. */
let repository: string;
beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'callkeeper-release-'));
  onTestFinished(() => rmSync(repository, { recursive: true }));
  for (const path of ['src', 'scripts', 'config/openapi.json', '.npmrc', 'package-lock.json']) {
    cpSync(path, join(repository, path), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(repository, 'node_modules'));
  write('.gitignore', 'node_modules\n');
  const { scripts, ...rest } = JSON.parse(readFileSync('package.json', 'utf8'));
  write('package.json', `${JSON.stringify({ ...rest, version: '0.1.0', scripts }, null, 2)}\n`);
  write('CHANGELOG.md', CHANGELOG);
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'Somebody');
  git('config', 'user.email', 'somebody@example.com');
  commitAll();
});

const write = (file: string, text: string) => writeFileSync(join(repository, file), text);
const read = (file: string) => readFileSync(join(repository, file), 'utf8');
const json = (file: string) => JSON.parse(read(file));

function git(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: repository, encoding: 'utf8' });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.trimEnd();
}

function commitAll(): void {
  git('add', '--all');
  git('commit', '--quiet', '--allow-empty', '--message', 'what there was');
}

function release(...args: string[]) {
  return spawnSync('npm', ['run', '--silent', 'release', '--', ...args], {
    cwd: repository,
    encoding: 'utf8',
  });
}

/** Asserts that it failed, with that, and that nothing is other than before. */
function expectRefusal(args: string[], message: string | RegExp): void {
  const before = state();
  const { status, stdout, stderr } = release(...args);
  expect(stderr).toMatch(message);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(state()).toEqual(before);
}

const today = () => new Date().toISOString().slice(0, 10);

const state = () => [git('rev-parse', 'HEAD'), git('tag', '--list'), git('status', '--porcelain')];

describe('npm run release', SLOW, () => {
  test('makes a commit and a tag of the unreleased changes', () => {
    const before = git('rev-parse', 'HEAD');
    const days = [today()];
    expect(release('minor')).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('git push --atomic origin main v0.2.0'),
    });
    days.push(today());
    const [, date] = /\[0\.2\.0\] - (.*)/.exec(read('CHANGELOG.md')) ?? [];
    expect(days).toContain(date);
    expect(read('CHANGELOG.md')).toBe(
      CHANGELOG.replace('[Unreleased]\n', `[Unreleased]\n\n## [0.2.0] - ${date}\n`),
    );
    expect(json('package.json').version).toBe('0.2.0');
    expect(json('package-lock.json').version).toBe('0.2.0');
    expect(json('package-lock.json').packages[''].version).toBe('0.2.0');
    expect(json('config/openapi.json').info.version).toBe('0.2.0');
    expect(git('status', '--porcelain')).toBe('');
    expect(git('rev-list', `${before}..v0.2.0`)).toBe(git('rev-parse', 'HEAD'));
    expect(git('cat-file', '-t', 'v0.2.0')).toBe('tag');
    expect(git('log', '-1', '--format=%s')).toBe('chore(release): 0.2.0');
    expect(git('diff', '--name-only', before).split('\n')).toEqual([
      'CHANGELOG.md',
      'config/openapi.json',
      'package-lock.json',
      'package.json',
    ]);
  });

  test('takes the version in package.json if it was never released', () => {
    write('CHANGELOG.md', CHANGELOG.slice(0, CHANGELOG.indexOf('## [0.1.0]')));
    commitAll();
    expect(release('0.1.0')).toMatchObject({ status: 0, stderr: '' });
    expect(git('tag', '--list')).toBe('v0.1.0');
    expect(read('CHANGELOG.md')).toMatch(/\n## \[Unreleased\]\n\n## \[0\.1\.0\] - 20/);
  });

  test.each([[[]], [['minor', 'major']], [['prerelease']], [['v1.0.0']], [['1.0']], [['--help']]])(
    'prints its usage for %j',
    (args) => {
      expectRefusal(args, /^release: usage: npm run release -- patch\|minor\|major\|X\.Y\.Z\n$/);
    },
  );

  test('refuses a version that is before the current one, or has a tag', () => {
    expectRefusal(['0.0.9'], 'release: 0.0.9 is before 0.1.0');
    git('tag', 'v0.2.0');
    expectRefusal(['minor'], 'release: there is a tag v0.2.0 already');
  });

  test('refuses a tree with changes, also in files that git does not know', () => {
    write('new.txt', '');
    expectRefusal(['patch'], 'release: the working tree is not clean:\n?? new.txt');
    rmSync(join(repository, 'new.txt'));
    write('CHANGELOG.md', `${CHANGELOG}- More.\n`);
    expectRefusal(['patch'], 'release: the working tree is not clean:\n M CHANGELOG.md');
  });

  test.each([
    [CHANGELOG.replace('- A thing.\n', ''), 'there is nothing under Unreleased'],
    [CHANGELOG.replace('[Unreleased]', 'Unreleased'), 'expected one line "## [Unreleased]"'],
    [`${CHANGELOG}\n## [Unreleased]\n`, 'expected one line "## [Unreleased]"'],
    [CHANGELOG.replace('[0.1.0]', '[0.1.1]'), '0.1.1 is there already'],
  ])('refuses a changelog that will not do', (changelog, fault) => {
    write('CHANGELOG.md', changelog);
    commitAll();
    expectRefusal(['patch'], `release: CHANGELOG.md: ${fault}`);
  });

  test('leaves nothing half done if a hook refuses the commit', () => {
    const hooks = join(repository, '.git', 'hooks');
    mkdirSync(hooks, { recursive: true });
    writeFileSync(join(hooks, 'pre-commit'), '#!/bin/sh\necho no >&2\nexit 1\n');
    chmodSync(join(hooks, 'pre-commit'), 0o755);
    expectRefusal(['patch'], /^release: git commit .* failed:\nno\n$/);
  });

  test('leaves nothing half done if the tag cannot be signed', () => {
    git('config', 'tag.gpgSign', 'true');
    git('config', 'gpg.program', 'false');
    expectRefusal(['patch'], /^release: git tag .* failed:\n/);
  });
});
