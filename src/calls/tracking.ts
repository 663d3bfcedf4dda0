import { type Call, type GoneCall, isGone } from './call.ts';
import { findLast, type Last, UNKNOWN } from './last.ts';
import type { Notice, NoticeFate } from './notice.ts';
import { type Decision, decideAndWrite } from './optimistic.ts';
import type { CallKeeper, CallStore, Observer } from './ports.ts';
import { beyondReach, type Forbidden, forbidden, isOthers, passedOver } from './reach.ts';
import {
  type ConfiguredApps,
  faultOf,
  faultOfWebhook,
  type Invalid,
  type RegistrationContext,
  register,
  type TrackRequest,
} from './registration.ts';
import type { RetryPolicy } from './retry.ts';
import type { StoppingDeps } from './stopping.ts';
import { inTenant, saysTheSame } from './words.ts';

/** The result of a track request; `updated` also if it changed nothing. */
export type Tracked =
  | { readonly kind: 'created' | 'updated'; readonly call: Call }
  | Invalid
  | Forbidden;

export type Established = Extract<Notice, { kind: 'established' }>;

export interface TrackingDeps extends StoppingDeps {
  /** The current apps: they may be replaced while the daemon runs. */
  readonly configured: () => ConfiguredApps;
  /** Why a webhook may not be used; null if it may. */
  readonly webhookFault?: (url: string, app: string) => string | null;
  readonly policy: RetryPolicy;
  readonly keeper: Pick<CallKeeper, 'keep' | 'plan'>;
}

/**
 * Writes track requests, and Graph's notifications of established calls, to one registry. Each is
 * decided by the record at the moment of the write.
 */
export class Tracking {
  readonly #deps: TrackingDeps;
  readonly #store: CallStore;
  readonly #observer: Observer;

  constructor(deps: TrackingDeps, { store, observer }: { store: CallStore; observer: Observer }) {
    this.#deps = deps;
    this.#store = store;
    this.#observer = observer;
  }

  /** Finds faults of a request that do not depend on the call. */
  faultOf(request: TrackRequest): Invalid | Forbidden | null {
    const context = this.#context();
    // If the request names no app, a known call keeps its own.
    const { app } = request;
    const beyond =
      app === undefined ? null : beyondReach(this.#deps.reach, app ?? context.defaultApp);
    return beyond ?? faultOf(request, context, this.#deps.reach);
  }

  /**
   * Tracks calls. The requests must be without a fault, with one for each id. Every request makes a
   * new registration, even if it changes nothing: otherwise an earlier stop, which a replica without
   * Redis may have taken, would win later. Only a change is published.
   */
  async track(requests: readonly TrackRequest[]): Promise<Map<string, Tracked>> {
    const context = this.#context();
    const results = new Map<string, Tracked>();
    await this.#write(requests, (current, { id, word, gone }) => {
      const last = current ?? (isOthers(this.#deps.reach, gone) ? null : gone);
      const next = register(word, last, context, (current ?? gone)?.registration);
      const fault = this.#faultIn(word, next, current, context);
      results.set(id, fault ?? { kind: current === null ? 'created' : 'updated', call: next });
      return fault ? null : put(current, next);
    });
    return results;
  }

  /**
   * Applies Graph's notifications that calls are established, one for each id: tracks those that are
   * not known. Graph never reuses an id, so for a removed call the notification is late and ignored,
   * unless we gave the call up and Graph has not reported its end. The tenant that Graph names
   * replaces one that nobody named.
   */
  async establish(notices: readonly Established[], app: string | undefined) {
    const context = this.#context();
    const fates = new Map<string, NoticeFate>();
    await this.#write(notices, (current, { id, word, gone }) => {
      const tenantId = word.tenantId ?? undefined;
      const last = current ?? (isOthers(this.#deps.reach, gone) ? null : gone);
      const why = passedOver(this.#deps.reach, last, word);
      if (why || (last && isGone(last) && !wasGivenUp(last))) {
        fates.set(id, why ?? 'ignored');
        return null;
      }
      if (current === null) {
        fates.set(id, 'tracked');
        const request = { id, tenantId, app: last ? undefined : app };
        return put(null, register(request, last, context, gone?.registration));
      }
      const next = inTenant(current, word.tenantId);
      fates.set(id, saysTheSame(current, next) ? 'ignored' : 'updated');
      return next === current ? null : put(current, next);
    });
    return fates;
  }

  async #write<T extends { readonly id: string }>(
    words: readonly T[],
    decide: (current: Call | null, subject: Last & { id: string; word: T }) => Decision,
  ): Promise<void> {
    const lasts = await findLast(
      this.#store,
      words.map(({ id }) => id),
    );
    const known = new Set<string>();
    const effects = await decideAndWrite(
      this.#store,
      words.map((word, i) => ({ id: word.id, word, ...(lasts[i] ?? UNKNOWN) })),
      (current, subject) => {
        if (current === null) known.delete(subject.id);
        else known.add(subject.id);
        return decide(current?.call ?? null, subject);
      },
    );
    const puts = effects.filter((effect) => effect !== null && 'next' in effect);
    for (const { next, tell } of puts) {
      if (tell === 'tracked') this.#observer.tracked(next, !known.has(next.id));
    }
    const { keeper } = this.#deps;
    const calls = Map.groupBy(puts, ({ next }) => wantsKeepAlive(next));
    keeper.keep((calls.get(true) ?? []).map(({ next }) => next));
    keeper.plan((calls.get(false) ?? []).map(({ next }) => next));
  }

  #context(): RegistrationContext {
    const { clock, configured, policy, random, webhookFault } = this.#deps;
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    const context = { ...configured(), ...at, policy, random };
    return webhookFault ? { ...context, webhookFault } : context;
  }

  /** Finds faults of a request that depend on the call, as it is or as it would be. */
  #faultIn(
    request: TrackRequest,
    next: Call,
    current: Call | null,
    context: RegistrationContext,
  ): Invalid | Forbidden | null {
    if (isOthers(this.#deps.reach, current)) return forbidden('the id is of a call of another app');
    return (
      beyondReach(this.#deps.reach, next.app) ?? faultOfWebhook(request, next, current, context)
    );
  }
}

/** Publishes an event only if the call is new or has changed. */
function put(current: Call | null, next: Call): Decision {
  return current && saysTheSame(current, next) ? { next } : { next, tell: 'tracked' };
}

/** Whether it needs a keepAlive at once: it is new, or was failing and has just moved. */
function wantsKeepAlive({ renewedAt, retryAt, consecutiveFailures }: Call): boolean {
  return renewedAt === null || (consecutiveFailures > 0 && retryAt === null);
}

/** Whether we gave the call up, and Graph did not end it. */
function wasGivenUp({ removal, resultInfo }: GoneCall): boolean {
  return removal === 'expired' && resultInfo === null;
}
