import { batchesOf } from './batches-of.ts';
import { type Call, callOf, type RemovedCall, trackedCallOf } from './call.ts';
import { type ListPage, type ListQuery, listCalls } from './listing.ts';
import type { Notice, NoticeFate } from './notice.ts';
import { countFates, isMisdirected, Notified } from './notified.ts';
import type { Outcome } from './outcome.ts';
import type { CallKeeper, CallRegistry, TooSoon } from './ports.ts';
import { isWithin, meet, type VisibleApps } from './principal.ts';
import { Stopper } from './stopper.ts';
import type { Invalid, TrackRequest } from './track-request.ts';
import { type Tracked, Tracker, type TrackerDeps } from './tracker.ts';
import type { Forbidden } from './visible-apps.ts';

export type NotifyResult =
  | ({ readonly kind: 'taken' } & Readonly<Record<NoticeFate, number>>)
  | Invalid
  | Forbidden;

export interface KeptNow {
  readonly outcome: Outcome;
  readonly call: Call | RemovedCall;
}

export interface AfterFirst {
  readonly call: Call | RemovedCall;
  readonly isPending: boolean;
}

export interface CallsDeps extends TrackerDeps {
  readonly registry: CallRegistry;
  readonly keeper: Pick<CallKeeper, 'keep' | 'plan' | 'keepNow'>;
  readonly slots: number;
}

const BATCH_SIZE = 500;

/** {@link Calls.within}, for users that need only some methods. */
export interface CallsFor<Wanted extends keyof Calls = Exclude<keyof Calls, 'within'>> {
  within(visibleApps: VisibleApps): Pick<Calls, Wanted>;
}

/**
 * The requests of bots, which may all be repeated. Each write checks again whether the client may
 * change the call, because another replica may have changed it since it was read.
 */
export class Calls {
  readonly #deps: CallsDeps;

  constructor(deps: CallsDeps) {
    this.#deps = deps;
  }

  /** Limits everything to calls of these apps. */
  within(visibleApps: VisibleApps): Calls {
    return visibleApps === this.#deps.visibleApps
      ? this
      : new Calls({ ...this.#deps, visibleApps });
  }

  /**
   * Tracks calls; the fields of a known call that a request does not name stay as they are. Returns
   * one result for each request, in order. Requests for the same id count as if they came in turn.
   */
  async track(requests: readonly TrackRequest[]): Promise<Tracked[]> {
    const tracker = new Tracker(this.#deps);
    const faults = requests.map((request) => tracker.faultOf(request));
    const merged = new Map<string, TrackRequest>();
    for (const [i, request] of requests.entries()) {
      if (!faults[i]) merged.set(request.id, following(merged.get(request.id), request));
    }
    const results = await tracker.track([...merged.values()]);
    return requests.map(({ id }, i) => {
      const result = faults[i] ?? results.get(id);
      if (!result) throw new Error(`no result came for ${id}`);
      return result;
    });
  }

  /** Stopping an untracked call is no error. `stopped`: whether it was tracked until now. */
  async untrack(id: string): Promise<{ durable: boolean; stopped: boolean }> {
    const { fate, durable } = await new Stopper(this.#deps).untrack(id);
    return { durable, stopped: fate === 'stopped' };
  }

  /** One result for each, in order. */
  async untrackAll(ids: readonly string[]): Promise<{ durable: boolean; stopped: boolean }[]> {
    const results = await new Stopper(this.#deps).untrackAll(ids);
    return results.map(({ fate, durable }) => ({ durable, stopped: fate === 'stopped' }));
  }

  /**
   * Applies Graph's notifications, which may come repeatedly and in any order.
   *
   * @param of the number of notifications, including those about no call; the app for new calls;
   *   and the apps whose calls they may change (null: all that the client may see)
   */
  async notify(
    notices: readonly Notice[],
    of: {
      readonly total: number;
      readonly app?: string | undefined;
      readonly visibleApps?: VisibleApps;
    },
  ): Promise<NotifyResult> {
    const { observer } = this.#deps;
    const deps = {
      ...this.#deps,
      visibleApps: meet(this.#deps.visibleApps, of.visibleApps ?? null),
    };
    const fault = new Tracker(this.#deps).faultOf({ id: '', app: of.app ?? null });
    if (fault) return fault;
    const fates = await new Notified(new Tracker(deps), new Stopper(deps)).take(notices, of.app);
    for (const [notice, fate] of fates) {
      if (isMisdirected(fate)) observer.misdirected(notice, fate);
    }
    const counts = countFates(fates.values(), of.total);
    observer.notified(counts);
    return { kind: 'taken', ...counts };
  }

  /** Whether Redis knows the call, except perhaps its last renewals and failures. */
  isDurable(id: string): boolean {
    return this.#deps.registry.isDurable(id);
  }

  /** A call that is tracked, or was within the last 24 h. */
  async find(id: string): Promise<Call | RemovedCall | null> {
    const [record] = await this.#deps.registry.read([id]);
    const call = record ? callOf(record) : null;
    return call && isWithin(this.#deps.visibleApps, call.app) ? call : null;
  }

  list(query: Omit<ListQuery, 'visibleApps'>): Promise<ListPage> {
    const { registry, visibleApps, slots } = this.#deps;
    return listCalls(registry, slots, { ...query, visibleApps });
  }

  /** Waits for the first keepAlive of a call. `isPending`: there is no outcome in time. */
  async afterFirst(call: Call): Promise<AfterFirst> {
    if (call.renewedAt !== null) return { call, isPending: false };
    const result = await this.#deps.keeper.keepNow(call.id);
    const after = 'retryAfterMs' in result ? null : result.call;
    if (after !== null) return { call: after, isPending: false };
    return { call: (await this.find(call.id)) ?? call, isPending: true };
  }

  /** Outside the schedule; null if the call is not tracked. */
  async keepAliveNow(id: string): Promise<KeptNow | TooSoon | null> {
    const { registry, keeper, visibleApps } = this.#deps;
    const [record] = await registry.read([id]);
    const call = record ? trackedCallOf(record) : null;
    if (!call || !isWithin(visibleApps, call.app)) return null;
    const result = await keeper.keepNow(call.id);
    if ('retryAfterMs' in result) return result;
    return { outcome: result.outcome, call: result.call ?? (await this.find(id)) ?? call };
  }
}

/** Stops any number of calls, in batches; returns how many were tracked. */
export async function untrackInBatches(
  calls: Pick<Calls, 'untrackAll'>,
  ids: readonly string[],
): Promise<number> {
  let stopped = 0;
  for (const batch of batchesOf(ids, BATCH_SIZE)) {
    const results = await calls.untrackAll(batch);
    stopped += results.filter((result) => result.stopped).length;
  }
  return stopped;
}

function following(before: TrackRequest | undefined, request: TrackRequest): TrackRequest {
  const named = Object.entries(request).filter(([, value]) => value !== undefined);
  return { ...before, ...(Object.fromEntries(named) as Partial<TrackRequest>), id: request.id };
}
