// `npm run release -- patch|minor|major|X.Y.Z`: makes a commit and a tag of the entries under
// Unreleased in CHANGELOG.md. Pushes and publishes nothing. All or nothing: if a step fails,
// everything is as before. See docs/releasing.md.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './set-up.mjs';

const CHANGELOG = join(ROOT, 'CHANGELOG.md');
const UNRELEASED = '## [Unreleased]\n';
const USAGE = 'usage: npm run release -- patch|minor|major|X.Y.Z';

class ReleaseError extends Error {}

function release(args) {
  const [wanted = '', ...others] = args;
  if (others.length > 0 || !/^(patch|minor|major|\d+\.\d+\.\d+)$/.test(wanted)) {
    throw new ReleaseError(USAGE);
  }
  const changes = git('status', '--porcelain');
  if (changes !== '') throw new ReleaseError(`the working tree is not clean:\n${changes}`);
  const changelog = readFileSync(CHANGELOG, 'utf8');
  const { version: current } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const before = git('rev-parse', 'HEAD');
  let version;
  try {
    // Also changes the lock file. The current version is right for the first release.
    run('npm', 'version', wanted, '--no-git-tag-version', '--allow-same-version');
    version = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
    if (isBefore(version, current)) throw new ReleaseError(`${version} is before ${current}`);
    if (git('tag', '--list', `v${version}`) !== '') {
      throw new ReleaseError(`there is a tag v${version} already`);
    }
    writeFileSync(CHANGELOG, released(changelog, version));
    run(process.execPath, 'scripts/openapi.mjs');
    git('commit', '--quiet', '--all', '--message', `chore(release): ${version}`);
    git('tag', '--annotate', `v${version}`, '--message', `Callkeeper ${version}`);
  } catch (error) {
    git('reset', '--quiet', '--hard', before); // it was clean
    throw error;
  }
  const branch = git('branch', '--show-current') || 'HEAD';
  process.stdout.write(
    `Version ${version}: a commit and the tag v${version}. Look at them (git show), then\n` +
      `  git push --atomic origin ${branch} v${version}\n` +
      `  npm pack    # callkeeper-${version}.tgz and callkeeper-client-${version}.tgz\n`,
  );
}

/** The changelog with the unreleased entries under the version, dated today in UTC. */
function released(changelog, version) {
  const [before, after, ...more] = changelog.split(UNRELEASED);
  if (after === undefined || more.length > 0) {
    throw new ReleaseError(`CHANGELOG.md: expected one line ${JSON.stringify(UNRELEASED.trim())}`);
  }
  const [section] = after.split(/^## /m);
  if (!/^- /m.test(section)) {
    throw new ReleaseError('CHANGELOG.md: there is nothing under Unreleased');
  }
  if (after.includes(`\n## [${version}]`)) {
    throw new ReleaseError(`CHANGELOG.md: ${version} is there already`);
  }
  const date = new Date().toISOString().slice(0, 10);
  return `${before}${UNRELEASED}\n## [${version}] - ${date}\n${after}`;
}

function isBefore(version, other) {
  return version.localeCompare(other, 'en', { numeric: true }) < 0;
}

function git(...args) {
  return run('git', ...args);
}

function run(program, ...args) {
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (error) throw new ReleaseError(`${program}: ${error.message}`);
  if (status !== 0) {
    throw new ReleaseError(`${[program, ...args].join(' ')} failed:\n${stderr || stdout}`);
  }
  return stdout.trimEnd();
}

try {
  release(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ReleaseError)) throw error;
  process.stderr.write(`release: ${error.message.trimEnd()}\n`);
  process.exitCode = 1;
}
