import { type Call, type GoneCall, isTombstone } from './call.ts';
import { type ListPage, type ListQuery, listCalls } from './listing.ts';
import type { Notice, NoticeFate } from './notice.ts';
import { countFates, isMisdirected, Notified } from './notified.ts';
import type { Outcome } from './outcome.ts';
import {
  type CallKeeper,
  type CallStore,
  type Observer,
  StoreUnavailableError,
  type TooSoon,
} from './ports.ts';
import { isWithin, meet, type Reach } from './principal.ts';
import type { Forbidden } from './reach.ts';
import type { Invalid, TrackRequest } from './registration.ts';
import { Stopping } from './stopping.ts';
import { type Tracked, Tracking, type TrackingDeps } from './tracking.ts';
import type { Wheel } from './wheel.ts';

/** `durable` is false where Redis did not answer: this replica alone knows of it until then. */
export type TrackResult =
  | Extract<Tracked, Invalid | Forbidden>
  | (Extract<Tracked, { call: Call }> & { readonly durable: boolean });

/** How many notifications had which fate. */
export type NotifyResult =
  | ({ readonly kind: 'taken' } & Readonly<Record<NoticeFate, number>>)
  | Invalid
  | Forbidden;

/** The outcome of a keepAlive on demand, and the call afterwards. */
export interface KeptNow {
  readonly outcome: Outcome;
  readonly call: Call | GoneCall;
}

/** Where calls are kept. */
export interface Keeping {
  readonly store: CallStore;
  /** Told of what is tracked and stopped there. */
  readonly observer: Observer;
}

export interface CallsDeps extends TrackingDeps {
  /** Shared by the replicas. */
  readonly shared: Keeping;
  /** This replica's own, for while the shared one does not answer. */
  readonly own: Keeping;
  readonly keeper: Pick<CallKeeper, 'keep' | 'plan' | 'keepNow'>;
  readonly wheel: Wheel;
  /** Whether something of the call is known here that Redis has yet to learn. */
  readonly isUnsaved: (id: string) => boolean;
}

/** The calls for whoever asks, and of what can be asked the part that is wanted. */
export interface CallsFor<Wanted extends keyof Calls = Exclude<keyof Calls, 'within'>> {
  within(reach: Reach): Pick<Calls, Wanted>;
}

/**
 * What a bot can ask for. While the shared registry does not answer, this
 * replica's own copy does; asking again is always safe. Whether a call is within
 * reach is decided by what stands there when it is written, not by what was read
 * before.
 */
export class Calls {
  readonly #deps: CallsDeps;

  constructor(deps: CallsDeps) {
    this.#deps = deps;
  }

  /** The same calls, as far as somebody may see and touch them. */
  within(reach: Reach): Calls {
    return reach === this.#deps.reach ? this : new Calls({ ...this.#deps, reach });
  }

  /**
   * Tracks calls; the fields of a known call that a request does not name stay as they are. Returns
   * one result for each request, in order. Requests for the same id count as if they came in turn.
   */
  track(requests: readonly TrackRequest[]): Promise<TrackResult[]> {
    return this.#inEither(async (keeping, durable) => {
      const tracking = new Tracking(this.#deps, keeping);
      const faults = requests.map((request) => tracking.faultOf(request));
      const words = new Map<string, TrackRequest>();
      for (const [i, request] of requests.entries()) {
        if (!faults[i]) words.set(request.id, following(words.get(request.id), request));
      }
      const results = await tracking.track([...words.values()]);
      return requests.map(({ id }, i) => {
        const result = faults[i] ?? results.get(id);
        if (!result) throw new Error(`no result came for ${id}`);
        return 'call' in result ? { ...result, durable } : result;
      });
    });
  }

  /**
   * Stops tracking a call; one that is not tracked is as good as stopped.
   * `stopped` says whether it was tracked until now.
   */
  untrack(id: string): Promise<{ durable: boolean; stopped: boolean }> {
    return this.#inEither(async (keeping, durable) => {
      const fate = await new Stopping(this.#deps, keeping).untrack(id);
      return { durable, stopped: fate === 'stopped' };
    });
  }

  /**
   * Takes Graph's notifications to the bot, in any order and any number of times:
   * endings stop calls first, and then established calls are tracked.
   *
   * @param of the number of notifications, including those about no call; the app that they are
   *   for; and the apps whose calls they may change (null: all within reach)
   */
  async notify(
    notices: readonly Notice[],
    of: {
      readonly total: number;
      readonly app?: string | undefined;
      readonly reach?: Reach;
    },
  ): Promise<NotifyResult> {
    const deps = { ...this.#deps, reach: meet(this.#deps.reach, of.reach ?? null) };
    return this.#inEither(async (keeping) => {
      const fault = new Tracking(this.#deps, keeping).faultOf({ id: '', app: of.app ?? null });
      if (fault) return fault;
      const notified = new Notified(new Tracking(deps, keeping), new Stopping(deps, keeping));
      const fates = await notified.take(notices, of.app);
      for (const [notice, fate] of fates) {
        if (isMisdirected(fate)) keeping.observer.misdirected(notice, fate);
      }
      const counts = countFates(fates.values(), of.total);
      keeping.observer.notified(counts);
      return { kind: 'taken', ...counts };
    });
  }

  /** Whether Redis knows of the call what is known of it here. */
  isDurable(id: string): boolean {
    return !this.#deps.isUnsaved(id);
  }

  /** A call that is tracked, or has been within 24 h. */
  find(id: string): Promise<Call | GoneCall | null> {
    return this.#inItsOwn(id, async ({ store }) => {
      const [[entry], [gone]] = await Promise.all([store.find([id]), store.findGone([id])]);
      const call = entry?.call ?? (gone && !isTombstone(gone) ? gone : null);
      return call && this.#isOthers(call) ? null : call;
    });
  }

  /** One page of the calls; rejects with `CursorError` where the cursor is none. */
  list(query: Omit<ListQuery, 'reach'>): Promise<ListPage> {
    const { reach, wheel } = this.#deps;
    return this.#inEither(({ store }) => listCalls(store, wheel.slots, { ...query, reach }));
  }

  /** One keepAlive now, outside the schedule; null if the call is not tracked. */
  async keepAliveNow(id: string): Promise<KeptNow | TooSoon | null> {
    const entry = await this.#inItsOwn(id, async ({ store }) => (await store.find([id]))[0]);
    if (!entry || this.#isOthers(entry.call)) return null;
    const result = await this.#deps.keeper.keepNow(entry.call);
    if ('retryAfterMs' in result) return result;
    const { outcome, effect } = result;
    if (effect !== null) return { outcome, call: 'gone' in effect ? effect.gone : effect.next };
    return { outcome, call: (await this.find(id)) ?? entry.call };
  }

  /** Reads of one call: what Redis has yet to learn is known here. */
  #inItsOwn<T>(id: string, act: (keeping: Keeping) => Promise<T>): Promise<T> {
    return this.isDurable(id) ? this.#inEither(act) : act(this.#deps.own);
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

  #isOthers({ app }: Call): boolean {
    return !isWithin(this.#deps.reach, app);
  }
}

/** Merges two requests for the same call, the second after the first. */
function following(before: TrackRequest | undefined, request: TrackRequest): TrackRequest {
  const named = Object.entries(request).filter(([, value]) => value !== undefined);
  return { ...before, ...(Object.fromEntries(named) as Partial<TrackRequest>), id: request.id };
}
