// What the programs of this repository need before they can run, made where it is
// missing. Runs on Node 20 and without any package: it is what installs them.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cannotInstall, nodeProgram, npmCommand as npmCommandOn } from './platform.mjs';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const BIN = join(ROOT, 'node_modules', '.bin');

/** Strips types without a flag and without a warning from here on. */
const OLDEST_NODE = readPackage().engines.node.replace('>=', '');

/** Without npm's warnings that packages want a newer Node than this one: they get it. */
const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

/** What is missing cannot be made here; the message says what a person has to do. */
export class SetUpError extends Error {}

/**
 * The packages of the lock file. Where they are all there, as after the first
 * time, this takes some milliseconds.
 *
 * @param {{ production: boolean }} options whether the packages for production are enough
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

/** The Node that runs the programs: the one of the `node` package, or this one if it will do. */
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

/** Programs that npm does not have. Their Debian packages bear the same names. */
const TOOLS = {
  'redis-server': {
    elsewhere: 'Fedora: dnf install redis; macOS: brew install redis',
    // The package starts a service as well; what is wanted is the program, not a Redis at 6379.
    service: 'redis-server',
  },
  // With promtool. Its service, too, is not wanted.
  prometheus: { elsewhere: 'macOS: brew install prometheus', service: 'prometheus' },
  haproxy: {
    elsewhere: 'Fedora: dnf install haproxy; macOS: brew install haproxy',
    service: 'haproxy',
    // On Debian it is in a directory of root's PATH only.
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
    // Debian keeps the programs of each version off the PATH.
    has: () => isOnPath('initdb') || existsSync('/usr/lib/postgresql'),
  },
};

/**
 * A tool on the PATH, by apt-get where there is none.
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

/** What ends a service that a package has started, if it has; in a container without systemd as well. */
function stopping(service) {
  if (existsSync('/run/systemd/system')) return ['systemctl', 'disable', '--now', service];
  return ['service', service, 'stop'];
}

export function isNewEnough(version) {
  return version.localeCompare(OLDEST_NODE, 'en', { numeric: true }) >= 0;
}

function isThere(path, wanted, there) {
  const found = there[path];
  // npm leaves out what is for other platforms.
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
    return {}; // none yet, or one that was cut off: the packages are installed (again)
  }
}

/** The npm that runs this script, or the one on the PATH. */
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

/** What to put before a command so that it runs as root; null where that cannot be had. */
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
