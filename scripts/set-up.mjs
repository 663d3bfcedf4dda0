// Installs what the programs of this repository need, if it is missing. Runs on Node 20 and without
// packages, because it installs them.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cannotInstall, nodeProgram, npmCommand as npmCommandOn } from './platform.mjs';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const BIN = join(ROOT, 'node_modules', '.bin');

/** The oldest Node that strips types without a flag or warning. */
const OLDEST_NODE = readPackage().engines.node.replace('>=', '');

/** Hides npm's warnings about packages that need a newer Node: findNode provides it. */
const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

/** Something cannot be installed; the message says what to do. */
export class SetUpError extends Error {}

/**
 * Installs the packages of the lock file. If all are there, this takes milliseconds.
 *
 * @param {{ production: boolean }} options whether the production packages are enough
 */
export function installPackages({ production }) {
  const wanted = readLock(join(ROOT, 'package-lock.json'));
  const there = readLock(join(ROOT, 'node_modules', '.package-lock.json'));
  const fits = Object.entries(wanted).every(
    ([path, entry]) => (production && entry.dev) || path === '' || isThere(path, entry, there),
  );
  if (fits) return;
  say('installing the packages of package-lock.json (npm ci)');
  const npm = npmCommand();
  const which = production ? '--omit=dev' : '--include=dev';
  const result = spawnSync(npm[0], [...npm.slice(1), 'ci', which, ...QUIET], {
    cwd: ROOT,
    stdio: ['ignore', process.stderr, 'inherit'],
  });
  if (result.status !== 0) {
    throw new SetUpError('npm ci failed: the cause is above. Is the package registry reachable?');
  }
}

/** The Node that runs the programs: that of the package `node`, or this one if it is new enough. */
export function findNode() {
  const own = nodeProgram(ROOT, process.platform);
  const version = existsSync(own) ? versionOf(own) : null;
  if (version !== null && isNewEnough(version)) return own;
  if (isNewEnough(process.versions.node)) return process.execPath;
  throw new SetUpError(
    `Node ${OLDEST_NODE} or newer is needed, this is ${process.versions.node}, and the package \`node\` ` +
      'did not install one: remove node_modules and try again with install scripts allowed ' +
      `(no ignore-scripts), or install Node ${OLDEST_NODE} yourself.`,
  );
}

/** Programs that npm does not have. Their Debian packages have the same names. */
const TOOLS = {
  'redis-server': {
    elsewhere: 'Fedora: dnf install redis; macOS: brew install redis',
    // The package also starts a service. We need the program, not a Redis on port 6379.
    service: 'redis-server',
  },
  // With promtool. We do not need its service either.
  prometheus: { elsewhere: 'macOS: brew install prometheus', service: 'prometheus' },
  haproxy: {
    elsewhere: 'Fedora: dnf install haproxy; macOS: brew install haproxy',
    service: 'haproxy',
    // On Debian it is in a directory that only root's PATH has.
    has: () => isOnPath('haproxy') || existsSync('/usr/sbin/haproxy'),
  },
  chromium: {
    elsewhere: 'Fedora: dnf install chromium; macOS: brew install --cask chromium',
    service: null,
  },
  yamllint: {
    elsewhere: 'Fedora: dnf install yamllint; macOS: brew install yamllint',
    service: null,
  },
  faketime: { elsewhere: 'Fedora: dnf install libfaketime', service: null },
  postgresql: {
    elsewhere: 'Fedora: dnf install postgresql-server; macOS: brew install postgresql',
    service: 'postgresql',
    // On Debian the programs of each version are not in the PATH.
    has: () => isOnPath('initdb') || existsSync('/usr/lib/postgresql'),
  },
};

/**
 * Installs a tool with apt-get if it is not in the PATH.
 *
 * @param {keyof typeof TOOLS} tool
 */
export function installTool(tool) {
  const { elsewhere, service, has = () => isOnPath(tool) } = TOOLS[tool];
  if (has()) return;
  const reason = cannotInstall(tool, process.platform);
  if (reason !== null) throw new SetUpError(reason);
  const byHand = `Install it (Debian and Ubuntu: apt-get install ${tool}; ${elsewhere}) and try again.`;
  const sudo = asRoot();
  if (!isOnPath('apt-get') || sudo === null) {
    throw new SetUpError(`There is no ${tool} on the PATH. ${byHand}`);
  }
  say(`installing ${tool} (apt-get)`);
  const apt = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q'];
  run([...apt, 'update']);
  const code = run([...apt, 'install', '-y', '--no-install-recommends', tool]);
  if (code !== 0 || !has()) {
    throw new SetUpError(`apt-get did not install ${tool}: the cause is above. ${byHand}`);
  }
  if (service !== null) run([...sudo, ...stopping(service)]);
}

/** Stops a service that a package has started, also in a container without systemd. */
function stopping(service) {
  if (existsSync('/run/systemd/system')) return ['systemctl', 'disable', '--now', service];
  return ['service', service, 'stop'];
}

export function isNewEnough(version) {
  return version.localeCompare(OLDEST_NODE, 'en', { numeric: true }) >= 0;
}

function isThere(path, wanted, there) {
  const found = there[path];
  // npm leaves out packages for other platforms.
  if (!found) return Boolean(wanted.optional || wanted.devOptional);
  return found.version === wanted.version && existsSync(join(ROOT, path, 'package.json'));
}

function readPackage() {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch {
    return {}; // missing or incomplete: the packages are installed again
  }
}

export function npmCommand() {
  const { npm_execpath: npmPath = '' } = process.env;
  return npmCommandOn({ npmPath, node: process.execPath, platform: process.platform });
}

function versionOf(node) {
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().slice(1) : null;
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return directory !== '';
    } catch {
      return false;
    }
  });
}

/** The prefix of a command to run it as root; null if that is not possible. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  if (!isOnPath('sudo')) return null;
  return process.stdin.isTTY ? ['sudo'] : ['sudo', '-n'];
}

function run([program, ...args]) {
  return spawnSync(program, args, { stdio: ['inherit', process.stderr, 'inherit'] }).status;
}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`);
}
