import { setTimeout as sleep } from 'node:timers/promises';

const ANSWER_MS = 3_000;
const RETRY_MS = 500;

/** Callkeeper as a bot uses it: several replicas, any of which may answer. */
export class AnyReplica {
  readonly #urls: readonly string[];
  readonly #random: () => number;

  constructor(urls: readonly string[], random: () => number) {
    this.#urls = urls;
    this.#random = random;
  }

  /**
   * Sends a request to the replicas in turn until one answers 2xx.
   *
   * @returns false if the signal aborted before
   */
  async ask(method: string, path: string, body: object | null, signal: AbortSignal) {
    const urls = this.#urls;
    for (let turn = Math.floor(this.#random() * urls.length); !signal.aborted; turn++) {
      const answer = await fetch(`${urls[turn % urls.length]}${path}`, {
        method,
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
        ...(body && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      }).catch(() => null);
      await answer?.arrayBuffer().catch(() => undefined);
      if (answer?.ok && !signal.aborted) return true;
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }
}
