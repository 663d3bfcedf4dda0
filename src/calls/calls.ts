import { type Call, type GoneCall, isGone, isTombstone } from './call.ts';
import { type ListPage, type ListQuery, listCalls } from './listing.ts';
import { isKeepAliveTimeout, type Notice } from './notice.ts';
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
import { isWithin, type Reach } from './principal.ts';
import {
  type ConfiguredApps,
  faultOf,
  type Invalid,
  type RegistrationContext,
  register,
  type TrackRequest,
  unregister,
} from './registration.ts';
import type { RetryPolicy } from './retry.ts';
import type { Visits } from './visitor.ts';
import { slotOf, turnAfter, type Wheel } from './wheel.ts';

/** `durable` is false where Redis did not answer: this replica alone knows of it until then. */
export type TrackResult =
  | { readonly kind: 'created' | 'updated'; readonly call: Call; readonly durable: boolean }
  | Invalid
  | Forbidden;

/** It is, or would be, a call of an app that is not within reach. */
export interface Forbidden {
  readonly kind: 'forbidden';
  readonly message: string;
}

/** How many calls are tracked from now on, and how many are not any more. */
export type NotifyResult =
  | { readonly kind: 'taken'; readonly tracked: number; readonly stopped: number }
  | Invalid
  | Forbidden;

/** A result before it is known how well it is kept. */
type Unkept<T> = T extends { durable: boolean } ? Omit<T, 'durable'> : T;

/** Where calls are kept, and who keeps them alive. */
export interface Keeping {
  readonly store: CallStore;
  readonly visitor: Visits;
  readonly first: FirstKeepAlives;
  /** Told of what is tracked and stopped there. */
  readonly observer: Observer;
}

export interface CallsDeps {
  /** Shared by the replicas. */
  readonly shared: Keeping;
  /** This replica's own, for while the shared one does not answer. */
  readonly own: Keeping;
  /** Whether something of the call is known here that Redis has yet to learn. */
  readonly isUnsaved: (id: string) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Those that count now: they may be replaced while the daemon runs. */
  readonly configured: () => ConfiguredApps;
  /** Of which apps the calls are; those of others are as good as unknown. */
  readonly reach: Reach;
  /** Why a webhook may not be told, or null. */
  readonly webhookFault?: (url: string, app: string) => string | null;
  readonly wheel: Wheel;
  readonly policy: RetryPolicy;
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
   * Tracks calls; those already tracked are updated to what is asked now and
   * keep their renewals. One result a request, in their order. Where an id
   * comes twice the last one wins.
   */
  track(requests: readonly TrackRequest[]): Promise<TrackResult[]> {
    return this.#inEither(async (keeping, durable) => {
      const results = await this.#track(keeping, requests);
      return results.map((result) => ('call' in result ? { ...result, durable } : result));
    });
  }

  /**
   * Stops tracking a call; one that is not tracked is as good as stopped.
   * `stopped` says whether it was tracked until now.
   */
  untrack(id: string): Promise<{ durable: boolean; stopped: boolean }> {
    return this.#inEither(async (keeping, durable) => {
      const stopped = await this.#untrack(keeping, id);
      return { durable, stopped };
    });
  }

  /**
   * Takes what Graph has notified the bot of, in any order and any number of
   * times. An established call is tracked unless it is known: ids are not used
   * again, so of one that has left it is late news; but for one that was given up,
   * which Graph says is there after all. One that is over is stopped, unless the
   * call is known to be of another tenant.
   *
   * @param of how many notifications came, those of no call included, and for which app
   */
  async notify(
    notices: readonly Notice[],
    of: { readonly total: number; readonly app?: string | undefined },
  ): Promise<NotifyResult> {
    const fault = this.#faultOf({ id: '', app: of.app }, this.#context());
    if (fault) return fault;
    const over = new Map(notices.flatMap((n) => (n.kind === 'over' ? [[n.id, n] as const] : [])));
    const established = notices
      .filter((notice) => notice.kind === 'established')
      .filter(({ id }) => !over.has(id));
    const { counts, observer } = await this.#inEither(async (keeping) => {
      const tracked = await this.#trackUnknown(keeping, established, of.app);
      const stops = [...over.values()].map(({ id, ...end }) => this.#untrack(keeping, id, end));
      const stopped = (await Promise.all(stops)).filter((done) => done).length;
      return { counts: { tracked, stopped }, observer: keeping.observer };
    });
    observer.notified({ total: of.total, ...counts });
    return { kind: 'taken', ...counts };
  }

  /** Whether Redis knows of the call what is known of it here. */
  isDurable(id: string): boolean {
    return !this.#deps.isUnsaved(id);
  }

  /** A call that is tracked, or has been within 24 h. */
  find(id: string): Promise<Call | GoneCall | null> {
    return this.#inItsOwn(id, async ({ store }) => {
      const [{ entry, gone } = UNKNOWN] = await findLast(store, [id]);
      const call = entry?.call ?? (gone && !isTombstone(gone) ? gone : null);
      return this.#isOthers(call) ? null : call;
    });
  }

  /** One page of the calls; rejects with `CursorError` where the cursor is none. */
  list(query: Omit<ListQuery, 'reach'>): Promise<ListPage> {
    const { reach, wheel } = this.#deps;
    return this.#inEither(({ store }) => listCalls(store, wheel.slots, { ...query, reach }));
  }

  /** One keepAlive now, outside the schedule; null where the call is not tracked. */
  keepAliveNow(id: string): Promise<{ outcome: Outcome; call: Call | GoneCall } | null> {
    return this.#inItsOwn(id, async ({ store, visitor }) => {
      const [entry] = await store.find([id]);
      if (!entry || this.#isOthers(entry.call)) return null;
      const { outcome, effect } = await visitor.visitOne(entry);
      if (effect !== null) return { outcome, call: 'gone' in effect ? effect.gone : effect.next };
      return { outcome, call: (await this.find(id)) ?? entry.call };
    });
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

  async #track(
    keeping: Keeping,
    requests: readonly TrackRequest[],
  ): Promise<Unkept<TrackResult>[]> {
    const context = this.#context();
    const faults = requests.map((request) => this.#faultOf(request, context));
    const valid = [
      ...new Map(requests.filter((_, i) => !faults[i]).map((r) => [r.id, r])).values(),
    ];
    const { calls, created } = await this.#register(keeping, valid, () => true);
    return requests.map(({ id }, i) => {
      const fault = faults[i];
      if (fault) return fault;
      const call = calls.get(id);
      if (call === undefined) return forbidden('the id is of a call of another app');
      return { kind: created.has(id) ? 'created' : 'updated', call };
    });
  }

  /** @returns how many were not known. */
  async #trackUnknown(
    keeping: Keeping,
    established: readonly { id: string; tenantId: string | null }[],
    app: string | undefined,
  ): Promise<number> {
    const requests = [...new Map(established.map((one) => [one.id, one])).values()].map(
      ({ id, tenantId }) => ({ id, app, tenantId: tenantId ?? undefined }),
    );
    const isUnknown = ({ entry, gone }: Last) =>
      entry === null && (gone === null || gone.removal === 'expired');
    return (await this.#register(keeping, requests, isUnknown)).created.size;
  }

  /** Those that are wanted, by what stands there when they are written. One request an id. */
  async #register(
    { store, first, observer }: Keeping,
    requests: readonly TrackRequest[],
    isWanted: (last: Last) => boolean,
  ): Promise<{ calls: Map<string, Call>; created: Set<string> }> {
    const context = this.#context();
    const lasts = await findLast(
      store,
      requests.map(({ id }) => id),
    );
    const created = new Set<string>();
    const effects = await decideAndWrite(
      store,
      requests.map((request, i) => ({ id: request.id, ...(lasts[i] ?? UNKNOWN), request })),
      (current, { id, request, gone }) => {
        if (!isWanted({ entry: current, gone })) return null;
        if (this.#isOthers(current?.call ?? gone)) return null;
        if (current === null) created.add(id);
        else created.delete(id);
        return { next: register(request, current?.call ?? gone, context), tell: 'tracked' };
      },
    );
    const calls = new Map(effects.flatMap((effect) => putCall(effect)));
    for (const call of calls.values()) observer.tracked(call, created.has(call.id));
    const early = [...calls.values()].filter((call) => this.#wantsVisitEarly(call));
    if (early.length > 0) await first.request(early);
    for (const id of created) if (!calls.has(id)) created.delete(id);
    return { calls, created };
  }

  /** Whether its slot's turn comes too late for it. */
  #wantsVisitEarly({ id, renewedAt, trackUntil }: Call): boolean {
    if (renewedAt === null) return true;
    const { wheel, clock } = this.#deps;
    return trackUntil !== null && trackUntil < turnAfter(slotOf(id, wheel), clock.now(), wheel);
  }

  #context(): RegistrationContext {
    const { clock, configured, policy, random, webhookFault } = this.#deps;
    const context = { ...configured(), now: clock.now(), policy, random };
    return webhookFault ? { ...context, webhookFault } : context;
  }

  #faultOf(request: TrackRequest, context: RegistrationContext): Invalid | Forbidden | null {
    const { reach } = this.#deps;
    const app = request.app ?? context.defaultApp;
    if (isWithin(reach, app)) return faultOf(request, context, reach);
    return forbidden(`calls of the app ${app} are not within the reach of this key`);
  }

  #isOthers(call: Call | GoneCall | null): boolean {
    if (call === null || (isGone(call) && isTombstone(call))) return false;
    return !isWithin(this.#deps.reach, call.app);
  }

  /** @returns whether it was tracked, and is not any more. */
  async #untrack(
    keeping: Keeping,
    id: string,
    { resultInfo, tenantId }: End = STOPPED_BY_ITS_OWNER,
  ): Promise<boolean> {
    const { store, observer } = keeping;
    const { clock, random, reach, own } = this.#deps;
    const context = { now: clock.now(), random };
    let [{ entry, gone } = UNKNOWN] = await findLast(store, [id]);
    const last = entry?.call ?? gone;
    if (isOfAnother(tenantId, last) || this.#isOthers(last)) return false;
    if (entry === null) {
      if (reach !== null && (gone === null || isTombstone(gone))) {
        // To remember the stop would stop a call of any app that another replica knows.
        if (keeping === own) throw new StoreUnavailableError(`${id} is not known here`);
        return false;
      }
      // Another replica may know it, and write it back where Redis has lost it.
      const stopped = unregister(id, gone, context, resultInfo);
      if (await store.stopUnknown(stopped)) {
        const wasOurs = gone !== null && gone.removal !== 'untracked';
        if (wasOurs && isKeepAliveTimeout(resultInfo)) observer.timedOut(stopped);
        return false;
      }
      [entry = null] = await store.find([id]); // tracked this very moment
      if (entry === null) throw new StoreUnavailableError(`${id} cannot be read`);
    }
    const [effect] = await decideAndWrite(store, [{ id, entry }], (current) =>
      current === null || this.#isOthers(current.call)
        ? null
        : { gone: unregister(id, current.call, context, resultInfo) },
    );
    if (!effect || !('gone' in effect)) return false;
    observer.removed(effect.gone);
    if (isKeepAliveTimeout(resultInfo)) observer.timedOut(effect.gone);
    return true;
  }
}

function forbidden(message: string): Forbidden {
  return { kind: 'forbidden', message };
}

/** What is said of a call's end; null where nothing is. */
type End = Pick<Extract<Notice, { kind: 'over' }>, 'resultInfo' | 'tenantId'>;

const STOPPED_BY_ITS_OWNER: End = { resultInfo: null, tenantId: null };

function isOfAnother(tenantId: string | null, call: Call | null): boolean {
  if (tenantId === null || call === null || (isGone(call) && isTombstone(call))) return false;
  return call.tenantId.toLowerCase() !== tenantId;
}

/** What is known of a call: as it stands on the schedule, or as it left it. */
interface Last {
  readonly entry: Entry | null;
  readonly gone: GoneCall | null;
}

const UNKNOWN: Last = { entry: null, gone: null };

async function findLast(store: CallStore, ids: readonly string[]): Promise<Last[]> {
  const [entries, gone] = await Promise.all([store.find(ids), store.findGone(ids)]);
  return ids.map((_, i) => ({ entry: entries[i] ?? null, gone: gone[i] ?? null }));
}

function putCall(effect: Decision): [string, Call][] {
  return effect && 'next' in effect ? [[effect.next.id, effect.next]] : [];
}
