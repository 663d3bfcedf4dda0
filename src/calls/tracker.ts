import { announcementsOf } from './announcement.ts';
import { type Call, callOf, isRemoved, trackedCallOf } from './call.ts';
import type { Notice, NoticeFate } from './notice.ts';
import type { CallKeeper, CallRegistry, Observer, Random, SettledClock } from './ports.ts';
import { StoreUnavailableError } from './ports.ts';
import { isWithin, type VisibleApps } from './principal.ts';
import { ALL_APPS, type CallRecord, emptyRecord, stateOf, type Tracking } from './record.ts';
import { inTenant, isElsewhere, trackingFor } from './record-changes.ts';
import {
  type ConfiguredApps,
  faultOf,
  faultOfWebhook,
  type Invalid,
  type TrackContext,
  type TrackRequest,
} from './track-request.ts';
import { type Forbidden, forbidden, forbiddenApp, whyIgnored } from './visible-apps.ts';

/** `durable` is false if Redis did not answer: until it does, only this replica knows the call. */
export type Tracked =
  | { readonly kind: 'created' | 'updated'; readonly call: Call; readonly durable: boolean }
  | Invalid
  | Forbidden;

export type Established = Extract<Notice, { kind: 'established' }>;

export interface TrackerDeps {
  readonly registry: CallRegistry;
  readonly keeper: Pick<CallKeeper, 'keep' | 'plan'>;
  readonly observer: Observer;
  readonly clock: SettledClock;
  readonly random: Random;
  readonly visibleApps: VisibleApps;
  readonly currentApps: () => ConfiguredApps;
  readonly webhookFault?: (url: string, app: string) => string | null;
}

export class Tracker {
  readonly #deps: TrackerDeps;

  constructor(deps: TrackerDeps) {
    this.#deps = deps;
  }

  /** A fault of the request that does not depend on the call. */
  faultOf(request: TrackRequest): Invalid | Forbidden | null {
    const context = this.#context();
    const { visibleApps } = this.#deps;
    // A known call keeps its app if the request names none.
    const beyond =
      request.app === undefined
        ? null
        : forbiddenApp(visibleApps, request.app ?? context.defaultApp);
    return beyond ?? faultOf(request, context, visibleApps);
  }

  /**
   * Tracks calls, by requests without a fault, one per id. Every request gets a new generation,
   * even if it changes nothing: otherwise an earlier stop that a replica without Redis accepted
   * would win over it later. Only a change is published.
   */
  async track(requests: readonly TrackRequest[]): Promise<Map<string, Tracked>> {
    const context = this.#context();
    const results = new Map<string, Tracked>();
    const faults = new Map<string, Invalid | Forbidden>();
    const changed = await this.#update(requests, (current, request) => {
      faults.delete(request.id);
      const next = trackingFor(request, current, context, this.#isVisible(current));
      const fault = this.#faultIn(request, next, current, context);
      if (fault) faults.set(request.id, fault);
      return fault ? null : next;
    });
    for (const { before, after, durable } of changed) {
      const fault = faults.get(after.id);
      const kind = stateOf(before) === 'tracked' ? 'updated' : 'created';
      const call = callOf(after);
      if (fault) results.set(after.id, fault);
      else if (call) results.set(after.id, { kind, call, durable });
    }
    return results;
  }

  /**
   * Tracks unknown calls that Graph says are established, one notice per id. Graph never reuses an
   * id, so for a removed call the notice is late, unless Callkeeper had given the call up and Graph
   * has not said that it ended. The tenant that Graph names replaces one that nobody named.
   */
  async establish(
    notices: readonly Established[],
    app: string | undefined,
  ): Promise<Map<string, NoticeFate>> {
    const context = this.#context();
    const fates = new Map<string, NoticeFate>();
    await this.#update(notices, (current, { id, tenantId }) => {
      const known =
        this.#isVisible(current) || stateOf(current) === 'tracked' ? callOf(current) : null;
      const why = known && whyIgnored(this.#deps.visibleApps, known, tenantId);
      if (why || (known && isRemoved(known) && !wasGivenUp(known))) {
        fates.set(id, why ?? 'ignored');
        return null;
      }
      if (known === null || isRemoved(known)) {
        const request = { id, tenantId: tenantId ?? undefined, app: known ? undefined : app };
        const next = trackingFor(request, current, context, this.#isVisible(current));
        const isLate = wasStoppedUnseen(current, next.app);
        fates.set(id, isLate ? 'ignored' : 'tracked');
        return isLate ? null : next;
      }
      const next = inTenant(current.tracking as Tracking, tenantId);
      fates.set(id, next.tenantId === known.tenantId ? 'ignored' : 'updated');
      return next === current.tracking ? null : next;
    });
    return fates;
  }

  async #update<T extends { readonly id: string }>(
    requests: readonly T[],
    decide: (current: CallRecord, request: T) => Tracking | null,
  ) {
    const { registry } = this.#deps;
    const changed = await registry.update(
      requests.map((request) => ({
        id: request.id,
        decide: (current) => {
          const tracking = decide(current, request);
          return tracking && { ...emptyRecord(request.id), tracking };
        },
      })),
    );
    if (changed.some(({ kind }) => kind === 'refused')) {
      throw new StoreUnavailableError('a later version of Callkeeper wrote the call');
    }
    for (const { before, after } of changed) this.#keep(before, after);
    return changed.map((one) => ({ ...one, durable: one.kind === 'stored' }));
  }

  /** Sends or plans what cannot wait for the slot's turn. */
  #keep(before: CallRecord, after: CallRecord): void {
    const { keeper, observer, clock } = this.#deps;
    const call = trackedCallOf(after);
    if (call === null || before === after) return;
    if (announcementsOf(before, after, clock.now()).some(({ type }) => type === 'tracked')) {
      observer.tracked(call, stateOf(before) !== 'tracked');
    }
    const was = trackedCallOf(before);
    // A request in flight says nothing about the new tenant or app.
    const hasMoved = was !== null && isElsewhere(was, call);
    const isFirst = call.renewedAt === null && was?.renewedAt == null;
    if (isFirst || hasMoved) keeper.keep([call.id]);
    else keeper.plan([[call.id, call]]);
  }

  #context(): ConfiguredApps & TrackContext & { random: Random } {
    const { clock, currentApps, random, webhookFault } = this.#deps;
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    return { ...currentApps(), ...at, random, webhookFault };
  }

  #isVisible({ tracking }: CallRecord): boolean {
    return tracking !== null && isWithin(this.#deps.visibleApps, tracking.app);
  }

  /** A fault of the request that depends on the call, before or after the change. */
  #faultIn(
    request: TrackRequest,
    next: Tracking,
    current: CallRecord,
    context: TrackContext,
  ): Invalid | Forbidden | null {
    const tracked = stateOf(current) === 'tracked' ? current.tracking : null;
    if (tracked && !this.#isVisible(current)) {
      return forbidden('the call belongs to another app');
    }
    return (
      forbiddenApp(this.#deps.visibleApps, next.app) ??
      faultOfWebhook(request, next, tracked, context)
    );
  }
}

/** Whether only Callkeeper thinks that the call is over. */
function wasGivenUp(call: ReturnType<typeof callOf>): boolean {
  return call !== null && isRemoved(call) && call.state === 'expired' && call.resultInfo === null;
}

/** Whether the call was stopped before anybody tracked it: its end came first. */
function wasStoppedUnseen({ tracking, stops }: CallRecord, app: string): boolean {
  return tracking === null && [ALL_APPS, app].some((each) => Object.hasOwn(stops, each));
}
