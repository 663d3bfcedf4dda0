import { type Call, forget, type GoneCall, newRegistration } from './call.ts';
import { type ListPage, type ListQuery, listCalls } from './listing.ts';
import { type Decision, decideAndWrite } from './optimistic.ts';
import type { Outcome } from './outcome.ts';
import {
  type CallStore,
  type Clock,
  type Entry,
  type FirstKeepAlives,
  type Observer,
  type Random,
  StoreUnavailableError,
} from './ports.ts';
import type { RetryPolicy } from './retry.ts';
import type { Visitor } from './visitor.ts';
import type { Wheel } from './wheel.ts';

/** What a bot says of a call when it has it tracked. Instants in epoch ms. */
export interface TrackRequest {
  /** Canonical; see `parseCallId`. */
  readonly id: string;
  readonly app?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly startedAt?: number | undefined;
  readonly trackUntil?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly webhookUrl?: string | undefined;
}

/** `durable` is false where Redis did not answer: this replica alone knows of it until then. */
export type TrackResult =
  | { readonly kind: 'created' | 'updated'; readonly call: Call; readonly durable: boolean }
  | Invalid;

interface Invalid {
  readonly kind: 'invalid';
  readonly field: keyof TrackRequest;
  readonly message: string;
}

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

/** A bot's clock may be this far ahead of ours before `startedAt` counts as a mistake. */
const CLOCK_SKEW_MS = 5 * 60_000;

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

  async #track(
    { store, first }: Keeping,
    requests: readonly TrackRequest[],
  ): Promise<Unkept<TrackResult>[]> {
    const { clock, observer } = this.#deps;
    const now = clock.now();
    const faults = requests.map((request) => this.#fault(request, now));
    const valid = [...new Map(requests.filter((_, i) => !faults[i]).map((r) => [r.id, r])).values()];
    const entries = await store.find(valid.map(({ id }) => id));
    const created = new Set<string>();
    const effects = await decideAndWrite(
      store,
      valid.map((request, i) => ({ id: request.id, entry: entries[i] ?? null, request })),
      (current, { id, request }) => {
        if (current === null) created.add(id);
        else created.delete(id);
        return { next: this.#register(request, current, now), tell: 'tracked' };
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
    const [entry = null] = await store.find([id]);
    const [effect] = await decideAndWrite(store, [{ id, entry }], (current) =>
      current === null ? null : { gone: forget(current.call, 'untracked', clock.now()) },
    );
    if (effect && 'gone' in effect) observer.removed(effect.gone);
  }

  #fault(request: TrackRequest, now: number): Invalid | null {
    const { apps, defaultApp } = this.#deps;
    const invalid = (field: keyof TrackRequest, message: string): Invalid => ({
      kind: 'invalid',
      field,
      message,
    });
    if (!apps.has(request.app ?? defaultApp)) {
      return invalid('app', `no app of this name is configured; there is ${[...apps.keys()].join(', ')}`);
    }
    if (request.startedAt !== undefined && request.startedAt > now + CLOCK_SKEW_MS) {
      return invalid('startedAt', 'must not lie in the future');
    }
    if (request.trackUntil !== undefined && request.trackUntil <= now) {
      return invalid('trackUntil', 'must lie in the future');
    }
    return null;
  }

  #register(request: TrackRequest, current: Entry | null, now: number): Call {
    const { apps, defaultApp, policy, random } = this.#deps;
    const app = request.app ?? defaultApp;
    const known = current?.call;
    return {
      id: request.id,
      app,
      tenantId: request.tenantId ?? apps.get(app)?.tenantId ?? '',
      labels: request.labels ?? {},
      webhookUrl: request.webhookUrl ?? null,
      registration: newRegistration(now, random),
      trackedAt: known?.trackedAt ?? now,
      startedAt: request.startedAt ?? known?.startedAt ?? null,
      trackUntil: request.trackUntil ?? null,
      renewedAt: known?.renewedAt ?? null,
      retryAt: known ? known.retryAt : now + policy.firstMs,
      consecutiveFailures: known?.consecutiveFailures ?? 0,
      atRiskAt: known?.atRiskAt ?? null,
      lastError: known?.lastError ?? null,
    };
  }
}

function putCall(effect: Decision): [string, Call][] {
  return effect && 'next' in effect ? [[effect.next.id, effect.next]] : [];
}
