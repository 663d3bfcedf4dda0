// Runs a program in its own process group, and ends everything that it leaves behind.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { launching } from './platform.mjs';

const { ownGroup, stopBy } = launching(process.platform);

/** npm's shell, saved now because it may be gone when the program starts. */
const PARENT = process.ppid;

/** The signal that the program gets for each signal. A closed terminal asks for an end too. */
const PASSED_ON = { SIGINT: 'SIGINT', SIGTERM: 'SIGTERM', SIGHUP: 'SIGTERM' };

/**
 * Within this time two signals count as one: Ctrl-C comes both from the terminal and from npm, and
 * a program ends at once at a second signal.
 */
const SAME_SIGNAL_MS = 500;

/** How often to check that npm's shell still lives, in ms. */
const LOOK_MS = 200;

/** How long processes that the program left behind have to end, in ms. */
const SWEEP_MS = 5_000;

/**
 * Resolves with the exit code of the program (128 or more if a signal ended it) when the program
 * and everything that it started in its group are gone.
 */
export async function launch(program, args, options) {
  // The channel closes when this process ends, even by SIGKILL: then the daemon stops in order.
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
  const child = spawn(program, args, { ...options, stdio, detached: ownGroup });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
  const stopPassing = passSignals(child);
  try {
    return await ended;
  } finally {
    stopPassing();
    await sweep(child.pid);
  }
}

function passSignals(child) {
  let passedAt = Number.NEGATIVE_INFINITY;
  const pass = (signal) => {
    const now = performance.now();
    if (now - passedAt < SAME_SIGNAL_MS) return;
    passedAt = now;
    if (stopBy === 'signal') child.kill(signal);
    else if (child.connected) child.disconnect();
  };
  const handlers = Object.entries(PASSED_ON).map(([signal, as]) => [signal, () => pass(as)]);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  const watch = process.env.npm_lifecycle_event ? watchParent(() => pass('SIGTERM')) : undefined;
  return () => {
    clearInterval(watch);
    for (const [signal, handler] of handlers) process.off(signal, handler);
    for (const signal of Object.keys(PASSED_ON)) process.on(signal, () => undefined); // sweeping
  };
}

/**
 * npm passes SIGTERM only to its shell. dash, Debian's `sh`, then ends without a signal to its
 * child, and npm with it. This ends the program nevertheless, even if npm is killed. (A script that
 * begins with `exec` would leave no shell in between, but cmd.exe has no `exec`.)
 */
function watchParent(onGone) {
  const watch = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(watch);
    onGone();
  }, LOOK_MS).unref();
  return watch;
}

/** A killed program may have left children, such as a daemon its redis-server. */
async function sweep(group) {
  if (group === undefined || !ownGroup) return;
  const until = performance.now() + SWEEP_MS;
  if (!signalGroup(group, 'SIGTERM')) return;
  while (performance.now() < until) {
    if (!signalGroup(group, 0)) return;
    await sleep(50);
  }
  signalGroup(group, 'SIGKILL');
}

/** @returns whether the group still has a process */
function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
}
