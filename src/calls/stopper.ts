import { callOf } from './call.ts';
import { isKeepAliveTimeout, type Notice, type NoticeFate } from './notice.ts';
import {
  type CallRegistry,
  type Changed,
  type Clock,
  type Observer,
  type Random,
  StoreUnavailableError,
} from './ports.ts';
import type { VisibleApps } from './principal.ts';
import { type CallRecord, removedOf, stateOf } from './record.ts';
import { inTenant, recordOfStop } from './record-changes.ts';
import { whyIgnored } from './visible-apps.ts';

export type End = Pick<Extract<Notice, { kind: 'over' }>, 'resultInfo' | 'tenantId'>;

export interface StopperDeps {
  readonly registry: CallRegistry;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: Random;
  readonly visibleApps: VisibleApps;
}

export interface Stopped {
  readonly fate: NoticeFate;
  readonly durable: boolean;
}

export class Stopper {
  readonly #deps: StopperDeps;

  constructor(deps: StopperDeps) {
    this.#deps = deps;
  }

  async untrack(id: string, end: End | null = null): Promise<Stopped> {
    const [stopped] = await this.untrackAll([id], end);
    if (!stopped) throw new Error(`no result came for ${id}`);
    return stopped;
  }

  /**
   * One result for each, in order. A stop is stored even if this replica does not know the call,
   * because another one may.
   *
   * @param end what Graph's notification says; null: the bot asked for it
   */
  async untrackAll(ids: readonly string[], end: End | null = null): Promise<Stopped[]> {
    const passed = new Map<string, NoticeFate | null>();
    const decide = (current: CallRecord) => {
      const call = callOf(current);
      const why = call && whyIgnored(this.#deps.visibleApps, call, end?.tenantId ?? null);
      passed.set(current.id, why);
      return why === null ? this.#stopOf(current, end) : null;
    };
    const changed = await this.#deps.registry.update(ids.map((id) => ({ id, decide })));
    return changed.map((one) => this.#result(one, passed.get(one.after.id) ?? null, end));
  }

  #result(changed: Changed, why: NoticeFate | null, end: End | null): Stopped {
    const { observer } = this.#deps;
    const { kind, before, after } = changed;
    if (kind === 'refused') {
      throw new StoreUnavailableError(`a later version of Callkeeper wrote ${after.id}`);
    }
    const durable = kind === 'stored';
    if (why !== null) return { fate: why, durable };
    const removed = removedOf(before);
    const call = callOf(after);
    const wasOurs = before.tracking !== null && removed?.state !== 'untracked';
    if (wasOurs && call && 'removedAt' in call && isKeepAliveTimeout(end?.resultInfo ?? null)) {
      observer.timedOut(call);
    }
    return { fate: stateOf(before) === 'tracked' ? 'stopped' : 'ignored', durable };
  }

  #stopOf(current: CallRecord, end: End | null): CallRecord {
    const { clock, random, visibleApps } = this.#deps;
    const { tracking } = current;
    const stop = recordOfStop(
      current,
      { now: clock.now(), random },
      {
        reason: end === null ? 'request' : 'notification',
        resultInfo: end?.resultInfo ?? null,
        visibleApps,
      },
    );
    return tracking ? { ...stop, tracking: inTenant(tracking, end?.tenantId ?? null) } : stop;
  }
}
