import { setTimeout as sleep } from 'node:timers/promises';

export interface PauseOptions {
  readonly signal?: AbortSignal | undefined;
  /** false: the pause does not keep the process alive. */
  readonly ref?: boolean;
}

/** Waits for this long, or until the signal aborts; does not reject then. */
export async function pause(ms: number, { signal, ref = true }: PauseOptions = {}): Promise<void> {
  await sleep(ms, undefined, { ref, ...(signal ? { signal } : {}) }).catch(() => undefined);
}
