import { randomUUID } from 'node:crypto';
import { type Call, forget, type GoneCall } from './call.ts';
import { type ListPage, type ListQuery, listCalls } from './listing.ts';
import { type Decision, decideAndWrite } from './optimistic.ts';
import type { Outcome } from './outcome.ts';
import type { CallStore, Clock, Entry, FirstKeepAlives, Observer } from './ports.ts';
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

export type TrackResult =
  | { readonly kind: 'created' | 'updated'; readonly call: Call }
  | { readonly kind: 'invalid'; readonly field: keyof TrackRequest; readonly message: string };

export interface CallsDeps {
  readonly store: CallStore;
  readonly visitor: Visitor;
  readonly first: FirstKeepAlives;
  readonly clock: Clock;
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
 * What a bot can ask for. Rejects with `StoreUnavailableError` where the
 * registry does not answer; asking again is always safe.
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
  async track(requests: readonly TrackRequest[]): Promise<TrackResult[]> {
    const { store, clock, observer, first } = this.#deps;
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
        return { next: this.#register(request, current, now), tracked: true };
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

  /** Stops tracking a call; one that is not tracked is as good as stopped. */
  async untrack(id: string): Promise<void> {
    const { store, clock, observer } = this.#deps;
    const [entry = null] = await store.find([id]);
    const [effect] = await decideAndWrite(store, [{ id, entry }], (current) =>
      current === null ? null : { gone: forget(current.call, 'untracked', clock.now()) },
    );
    if (effect && 'gone' in effect) observer.removed(effect.gone);
  }

  /** A call that is tracked, or has been within 24 h. */
  async find(id: string): Promise<Call | GoneCall | null> {
    const [entry] = await this.#deps.store.find([id]);
    return entry?.call ?? (await this.#deps.store.findGone(id));
  }

  /** One page of the calls; rejects with `CursorError` where the cursor is none. */
  list(query: ListQuery): Promise<ListPage> {
    return listCalls(this.#deps.store, this.#deps.wheel.slots, query);
  }

  /** One keepAlive now, outside the schedule; null where the call is not tracked. */
  async keepAliveNow(id: string): Promise<{ outcome: Outcome; call: Call | GoneCall } | null> {
    const { store, visitor } = this.#deps;
    const [entry] = await store.find([id]);
    if (!entry) return null;
    const { outcome, effect } = await visitor.visitOne(entry);
    if (effect !== null) return { outcome, call: 'gone' in effect ? effect.gone : effect.next };
    return { outcome, call: (await this.find(id)) ?? entry.call };
  }

  #fault(request: TrackRequest, now: number): TrackResult | null {
    const { apps, defaultApp } = this.#deps;
    const invalid = (field: keyof TrackRequest, message: string): TrackResult => ({
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
    const { apps, defaultApp, policy } = this.#deps;
    const app = request.app ?? defaultApp;
    const known = current?.call;
    return {
      id: request.id,
      app,
      tenantId: request.tenantId ?? apps.get(app)?.tenantId ?? '',
      labels: request.labels ?? {},
      webhookUrl: request.webhookUrl ?? null,
      registration: randomUUID().slice(0, 8),
      trackedAt: known?.trackedAt ?? now,
      startedAt: request.startedAt ?? known?.startedAt ?? null,
      trackUntil: request.trackUntil ?? null,
      renewedAt: known?.renewedAt ?? null,
      retryAt: known ? known.retryAt : now + policy.firstMs,
      consecutiveFailures: known?.consecutiveFailures ?? 0,
      lastError: known?.lastError ?? null,
    };
  }
}

function putCall(effect: Decision): [string, Call][] {
  return effect && 'next' in effect ? [[effect.next.id, effect.next]] : [];
}
