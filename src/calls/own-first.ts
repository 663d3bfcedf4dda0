import type { Call } from './call.ts';
import { groupNew } from './group-new.ts';
import type { Clock, FirstKeepAlives } from './ports.ts';
import type { Visits } from './visitor.ts';
import { slotOf, type Wheel } from './wheel.ts';

/** Makes first keepAlives in this process, for while no queue takes them. */
export class OwnFirst implements FirstKeepAlives {
  readonly #visitor: Visits;
  readonly #wheel: Wheel;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(visitor: Visits, wheel: Wheel, clock: Clock) {
    this.#visitor = visitor;
    this.#wheel = wheel;
    this.#clock = clock;
  }

  /** Resolves at once, and goes on until each call is renewed or its slot's turn has come. */
  async request(calls: readonly Call[]): Promise<void> {
    for (const group of groupNew(calls, ({ id }) => slotOf(id, this.#wheel))) {
      const visit = this.#visit(group.map(({ id }) => id))
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
