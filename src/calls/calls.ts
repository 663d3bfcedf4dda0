import { type Call, forget, type GoneCall, tombstone } from './call.ts';
import { type ListPage, type ListQuery, listCalls } from './listing.ts';
import { type Decision, decideAndWrite } from './optimistic.ts';
import type { Outcome } from './outcome.ts';
import {
  type CallStore,
  type Clock,
  type FirstKeepAlives,
  type Observer,
  type Random,
  StoreUnavailableError,
} from './ports.ts';
import {
  faultOf,
  type Invalid,
  newRegistration,
  register,
  type TrackRequest,
} from './registration.ts';
import type { RetryPolicy } from './retry.ts';
import type { Visitor } from './visitor.ts';
import type { Wheel } from './wheel.ts';

/** `durable` is false where Redis did not answer: this replica alone knows of it until then. */
export type TrackResult =
  | { readonly kind: 'created' | 'updated'; readonly call: Call; readonly durable: boolean }
  | Invalid;

/** A result before it is known how well it is kept. */
type Unkept<T> = T extends { durable: boolean } ? Omit<T, 'durable'> : T;

/** Where calls are kept, and who keeps them alive. */
export interface Keeping {
  readonly store: CallStore;
  readonly visitor: Visitor;
  readonly first: FirstKeepAlives;
}

export interface CallsDeps {
  /** Shared by the replicas. */
  readonly shared: Keeping;
  /** This replica's own, for while the shared one does not answer. */
  readonly own: Keeping;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** The configured apps by name, with the tenant that their calls belong to unless said otherwise. */
  readonly apps: ReadonlyMap<string, { readonly tenantId: string }>;
  readonly defaultApp: string;
  readonly wheel: Wheel;
  readonly policy: RetryPolicy;
}

/**
 * What a bot can ask for. While the shared registry does not answer, this
 * replica's own copy does; asking again is always safe.
 */
export class Calls {
  readonly #deps: CallsDeps;

  constructor(deps: CallsDeps) {
    this.#deps = deps;
  }

  /**
   * Tracks calls; those already tracked are updated to what is asked now and
   * keep their renewals. One result a request, in their order. Where an id
   * comes twice the last one wins.
   */
  track(requests: readonly TrackRequest[]): Promise<TrackResult[]> {
    return this.#inEither(async (keeping, durable) => {
      const results = await this.#track(keeping, requests);
      return results.map((result) => (result.kind === 'invalid' ? result : { ...result, durable }));
    });
  }

  /** Stops tracking a call; one that is not tracked is as good as stopped. */
  untrack(id: string): Promise<{ durable: boolean }> {
    return this.#inEither(async ({ store }, durable) => {
      await this.#untrack(store, id);
      return { durable };
    });
  }

  /** A call that is tracked, or has been within 24 h. */
  find(id: string): Promise<Call | GoneCall | null> {
    return this.#inEither(async ({ store }) => {
      const [entry] = await store.find([id]);
      return entry?.call ?? (await store.findGone(id));
    });
  }

  /** One page of the calls; rejects with `CursorError` where the cursor is none. */
  list(query: ListQuery): Promise<ListPage> {
    return this.#inEither(({ store }) => listCalls(store, this.#deps.wheel.slots, query));
  }

  /** One keepAlive now, outside the schedule; null where the call is not tracked. */
  keepAliveNow(id: string): Promise<{ outcome: Outcome; call: Call | GoneCall } | null> {
    return this.#inEither(async ({ store, visitor }) => {
      const [entry] = await store.find([id]);
      if (!entry) return null;
      const { outcome, effect } = await visitor.visitOne(entry);
      if (effect !== null) return { outcome, call: 'gone' in effect ? effect.gone : effect.next };
      return { outcome, call: (await this.find(id)) ?? entry.call };
    });
  }

  async #inEither<T>(act: (keeping: Keeping, durable: boolean) => Promise<T>): Promise<T> {
    const { shared, own } = this.#deps;
    try {
      return await act(shared, true);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return act(own, false);
    }
  }

  /** Another replica may know it, and write it back where Redis has lost it. False: it is tracked. */
  async #stopUnknown(store: CallStore, id: string): Promise<boolean> {
    const { clock, random } = this.#deps;
    const now = clock.now();
    const gone = await store.findGone(id);
    const registration = newRegistration(now, random, gone?.registration);
    return store.stopUnknown(gone ? { ...gone, registration } : tombstone(id, registration, now));
  }

  async #track(
    { store, first }: Keeping,
    requests: readonly TrackRequest[],
  ): Promise<Unkept<TrackResult>[]> {
    const { clock, observer } = this.#deps;
    const context = { ...this.#deps, now: clock.now() };
    const faults = requests.map((request) => faultOf(request, context));
    const valid = [
      ...new Map(requests.filter((_, i) => !faults[i]).map((r) => [r.id, r])).values(),
    ];
    const entries = await store.find(valid.map(({ id }) => id));
    const created = new Set<string>();
    const effects = await decideAndWrite(
      store,
      valid.map((request, i) => ({ id: request.id, entry: entries[i] ?? null, request })),
      (current, { id, request }) => {
        if (current === null) created.add(id);
        else created.delete(id);
        return { next: register(request, current?.call ?? null, context), tell: 'tracked' };
      },
    );
    const calls = new Map(effects.flatMap((effect) => putCall(effect)));
    for (const call of calls.values()) observer.tracked(call, created.has(call.id));
    const unproven = [...calls.values()].filter(({ renewedAt }) => renewedAt === null);
    if (unproven.length > 0) await first.request(unproven.map(({ id }) => id));
    return requests.map(({ id }, i) => {
      const fault = faults[i];
      if (fault) return fault;
      return { kind: created.has(id) ? 'created' : 'updated', call: calls.get(id) as Call };
    });
  }

  async #untrack(store: CallStore, id: string): Promise<void> {
    const { clock, observer } = this.#deps;
    let [entry = null] = await store.find([id]);
    if (entry === null) {
      if (await this.#stopUnknown(store, id)) return;
      [entry = null] = await store.find([id]);
      if (entry === null) throw new StoreUnavailableError(`${id} cannot be read`);
    }
    const [effect] = await decideAndWrite(store, [{ id, entry }], (current) =>
      current === null ? null : { gone: forget(current.call, 'untracked', clock.now()) },
    );
    if (effect && 'gone' in effect) observer.removed(effect.gone);
  }
}

function putCall(effect: Decision): [string, Call][] {
  return effect && 'next' in effect ? [[effect.next.id, effect.next]] : [];
}
