// What the scripts do differently on Windows, as functions of the platform, so that a test can call
// each. (src/platform/processes.ts has the daemon's part: it is in the package, and these files are
// not.)
import { basename, dirname, join } from 'node:path';

/** @param {NodeJS.Platform} platform */
const isWindows = (platform) => platform === 'win32';

/**
 * How to launch a program and to end it. Windows has no process groups, and its signals kill at
 * once: there, closing the channel asks for the stop.
 *
 * @param {NodeJS.Platform} platform
 */
export function launching(platform) {
  return isWindows(platform)
    ? { ownGroup: false, stopBy: 'disconnect' }
    : { ownGroup: true, stopBy: 'signal' };
}

/** Where the npm package `node` has its program; on Windows .bin/ has only scripts for shells. */
export function nodeProgram(root, platform) {
  const modules = join(root, 'node_modules');
  return isWindows(platform)
    ? join(modules, 'node', 'bin', 'node.exe')
    : join(modules, '.bin', 'node');
}

/** The npm that runs this script, if one does. On Windows `npm` itself is a script for cmd.exe. */
export function npmCommand({ npmPath, node, platform }) {
  if (basename(npmPath) === 'npm-cli.js') return [node, npmPath];
  if (!isWindows(platform)) return ['npm'];
  return [node, join(dirname(node), 'node_modules', 'npm', 'bin', 'npm-cli.js')];
}

/**
 * Windows has none of the tools, but the demo works there with REDIS_URL.
 *
 * @param {readonly string[]} tools
 */
export function toolsFor(program, tools, platform) {
  return isWindows(platform) && program === 'demo' ? [] : tools;
}

/** The reason; null if an installation can be tried. */
export function cannotInstall(tool, platform) {
  return isWindows(platform)
    ? `There is no ${tool} for Windows. Run this in WSL 2 (docs/windows.md).`
    : null;
}
