// Runs a program in its own process group and leaves nothing of it behind. Everything that
// depends on the platform is here.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** It has no process groups, and its signals kill at once: closing the channel asks for the stop. */
const IS_WINDOWS = process.platform === 'win32';

/** What the terminal, npm and others send; a terminal that closes asks for an end like the others. */
const PASSED_ON = { SIGINT: 'SIGINT', SIGTERM: 'SIGTERM', SIGHUP: 'SIGTERM' };

/**
 * Ctrl-C reaches this process twice, from the terminal and from npm, and a
 * program takes a second signal for "at once": within this time it is the same.
 */
const SAME_SIGNAL_MS = 500;

/** How often to check that npm still lives, in ms. */
const LOOK_MS = 500;

/** How long what the program left running has to end when it is told to. */
const SWEEP_MS = 5_000;

/**
 * Resolves with the exit code of the program, 128 and more where a signal ended
 * it, when it and all that it started in its group are gone.
 */
export async function launch(program, args, options) {
  // The channel closes when this process ends, even by SIGKILL: then the daemon stops in order.
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
  const child = spawn(program, args, { ...options, stdio, detached: !IS_WINDOWS });
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
    if (!IS_WINDOWS) child.kill(signal);
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

/** An npm that is killed cannot pass that on: its program ends with it all the same. */
function watchParent(onGone) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    onGone();
  }, LOOK_MS).unref();
  return watch;
}

/** A program that was killed may have left children, as a daemon its redis-server. */
async function sweep(group) {
  if (group === undefined || IS_WINDOWS) return;
  const until = performance.now() + SWEEP_MS;
  if (!signalGroup(group, 'SIGTERM')) return;
  while (performance.now() < until) {
    if (!signalGroup(group, 0)) return;
    await sleep(50);
  }
  signalGroup(group, 'SIGKILL');
}

/** @returns whether there is still somebody in the group. */
function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
}
