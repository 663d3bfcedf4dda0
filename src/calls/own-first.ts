import type { Call } from './call.ts';
import type { Clock, FirstKeepAlives } from './ports.ts';
import { MOST_NEW, type Visits } from './visitor.ts';

/** Makes first keepAlives in this process, for while no queue takes them. */
export class OwnFirst implements FirstKeepAlives {
  readonly #visitor: Visits;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(visitor: Visits, clock: Clock) {
    this.#visitor = visitor;
    this.#clock = clock;
  }

  /** Resolves at once, and goes on until each call is renewed or its slot's turn has come. */
  async request(calls: readonly Call[]): Promise<void> {
    for (let from = 0; from < calls.length; from += MOST_NEW) {
      const ids = calls.slice(from, from + MOST_NEW).map(({ id }) => id);
      const visit = this.#visit(ids)
        .catch(() => undefined) // the visit of the slot's turn makes up for it
        .finally(() => this.#running.delete(visit));
      this.#running.add(visit);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running);
  }

  async #visit(ids: readonly string[]): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const againAt = await this.#visitor.visitNew(ids, signal);
      if (againAt === null) return;
      await this.#clock.sleep(Math.max(1, againAt - this.#clock.now()), signal);
    }
  }
}
