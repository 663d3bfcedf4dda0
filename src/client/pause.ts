import { setTimeout as sleep } from 'node:timers/promises';

export interface PauseOptions {
  readonly signal?: AbortSignal | undefined;
  /** false: the pause does not keep the process alive. */
  readonly ref?: boolean;
}

/** The longest delay of a timer of Node, in ms: a longer one would end at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Waits for this long, or until the signal aborts; does not reject then. */
export async function pause(ms: number, { signal, ref = true }: PauseOptions = {}): Promise<void> {
  const options = { ref, ...(signal ? { signal } : {}) };
  await sleep(toDelay(ms), undefined, options).catch(() => undefined);
}

/** A signal that aborts after this long, or when the given one does. */
export function within(ms: number, signal?: AbortSignal): AbortSignal {
  const limit = AbortSignal.timeout(toDelay(ms));
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

/** Timers take only whole numbers in their range; NaN becomes 0. */
function toDelay(ms: number): number {
  return ms > 0 ? Math.ceil(Math.min(ms, LONGEST_MS)) : 0;
}
