import type { FastifyBaseLogger } from 'fastify';
import type { Drop, DropReason } from './connection-guard.ts';

const WINDOW_MS = 10_000;

/** Logs dropped connections: at most one line in ten seconds, with the count since the last. */
export class DropLog {
  readonly #log: Pick<FastifyBaseLogger, 'warn'>;
  readonly #now: () => number;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #counts: Partial<Record<DropReason, number>> = {};

  /** @param now ms of any epoch */
  constructor(log: Pick<FastifyBaseLogger, 'warn'>, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  add({ reason, network }: Drop): void {
    this.#counts[reason] = (this.#counts[reason] ?? 0) + 1;
    if (this.#now() - this.#loggedAt < WINDOW_MS) return;
    this.#loggedAt = this.#now();
    this.#log.warn(
      { dropped: this.#counts, address: network },
      'connections closed: there are too many, or too many requests on one',
    );
    this.#counts = {};
  }
}
