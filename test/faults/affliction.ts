import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Worker } from 'bullmq';

/**
 * Loaded into a replica before its own code (`node --import`), to do what cannot be done from
 * outside. On SIGUSR2 it reads from AFFLICTION what to do:
 *
 * - `stopFetching`: BullMQ's present workers claim to run and wait, but never take a job again.
 *   Workers that are made later are well.
 * - `block <ms>`: the event loop blocks.
 * - `exhaust`: memory runs out.
 */
const silenced = new WeakSet<object>();
const workers = new Set<object>();

// The internals that BullMQ's main loop uses, whatever its types declare.
interface Inside {
  run(): Promise<void>;
  _getNextJob(...args: unknown[]): Promise<unknown>;
  handleCompleted(...args: unknown[]): Promise<unknown>;
  handleFailed(...args: unknown[]): Promise<unknown>;
}

const inside = Worker.prototype as unknown as Inside;
const { run, _getNextJob, handleCompleted, handleFailed } = inside;

inside.run = function (this: object) {
  workers.add(this);
  return run.call(this);
};

inside._getNextJob = async function (this: object, ...args: unknown[]) {
  if (silenced.has(this)) return new Promise(() => undefined);
  const job = await _getNextJob.apply(this, args);
  return silenced.has(this) && job === undefined ? new Promise(() => undefined) : job;
};

/** Finishing a job fetches the next one, which a silenced worker must not get. */
const FETCH_NEXT = 3;
inside.handleCompleted = function (this: object, ...args: unknown[]) {
  if (silenced.has(this)) args[FETCH_NEXT] = () => false;
  return handleCompleted.apply(this, args);
};
inside.handleFailed = function (this: object, ...args: unknown[]) {
  if (silenced.has(this)) args[FETCH_NEXT] = () => false;
  return handleFailed.apply(this, args);
};

// The end of stdin means that the test process is gone, even by SIGKILL.
process.stdin.on('end', () => process.exit(70)).resume();
(process.stdin as Socket).unref();

process.on('SIGUSR2', () => {
  const [what, amount] = readFileSync(process.env.AFFLICTION ?? '', 'utf8').split(' ');
  if (what === 'stopFetching') for (const worker of workers) silenced.add(worker);
  if (what === 'block') {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(amount));
  }
  if (what === 'exhaust') {
    const hoard: unknown[] = [];
    for (;;) hoard.push(new Array(1_000_000).fill({}));
  }
});
