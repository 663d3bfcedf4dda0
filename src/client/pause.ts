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

export interface Limit {
  readonly signal: AbortSignal;
  /** Lets go of its timer and of the given signal. */
  end(): void;
}

/**
 * A signal that aborts after this long, or when the given one does. Not by `AbortSignal.any`: up to
 * Node 22.12 its sources can be collected as garbage, and then it never aborts.
 */
export function within(ms: number, given?: AbortSignal): Limit {
  const { signal, follow, end } = following(given);
  const timer = setTimeout(() => follow(timeoutError()), toDelay(ms));
  timer.unref();
  return {
    signal,
    end: () => {
      clearTimeout(timer);
      end();
    },
  };
}

/** Runs `act` with such a signal. */
export async function limited<T>(
  ms: number,
  given: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = within(ms, given);
  try {
    return await act(limit.signal);
  } finally {
    limit.end();
  }
}

export interface Following extends Limit {
  /** Aborts the signal. */
  follow(reason: unknown): void;
}

/** A signal that aborts when the given one does, or by `follow`. */
export function following(given?: AbortSignal): Following {
  const controller = new AbortController();
  const follow = (reason: unknown) => controller.abort(reason);
  const onAbort = () => follow(given?.reason);
  if (given?.aborted) onAbort();
  else given?.addEventListener('abort', onAbort, { once: true });
  const end = () => given?.removeEventListener('abort', onAbort);
  return { signal: controller.signal, follow, end };
}

/** As `AbortSignal.timeout` has it. */
function timeoutError(): DOMException {
  return new DOMException('The operation was aborted due to timeout', 'TimeoutError');
}

/** Timers take only whole numbers in their range; NaN becomes 0. */
function toDelay(ms: number): number {
  return ms > 0 ? Math.ceil(Math.min(ms, LONGEST_MS)) : 0;
}
