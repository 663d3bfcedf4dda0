import { isTombstone } from './call.ts';
import { findLast, UNKNOWN } from './last.ts';
import { isKeepAliveTimeout, type Notice, type NoticeFate } from './notice.ts';
import { decideAndWrite } from './optimistic.ts';
import {
  type CallStore,
  type Entry,
  type Observer,
  type Random,
  type SettledClock,
  StoreUnavailableError,
} from './ports.ts';
import type { Reach } from './principal.ts';
import { passedOver } from './reach.ts';
import { type RegistrationContext, unregister } from './registration.ts';
import { inTenant } from './words.ts';

/** What a notification says about a call's end; null if it says nothing. */
export type End = Pick<Extract<Notice, { kind: 'over' }>, 'resultInfo' | 'tenantId'>;

const BY_REQUEST: End = { resultInfo: null, tenantId: null };

export interface StoppingDeps {
  readonly clock: SettledClock;
  readonly random: Random;
  /** The apps whose calls may be stopped; other calls count as unknown. */
  readonly reach: Reach;
}

/** Stops calls in one registry, when a bot or Graph says that they are over. */
export class Stopping {
  readonly #deps: StoppingDeps;
  readonly #store: CallStore;
  readonly #observer: Observer;

  constructor(deps: StoppingDeps, { store, observer }: { store: CallStore; observer: Observer }) {
    this.#deps = deps;
    this.#store = store;
    this.#observer = observer;
  }

  /** Stops a call. If it is not known, the stop is recorded for replicas that know the call. */
  async untrack(id: string, end: End = BY_REQUEST): Promise<NoticeFate> {
    const { clock, random, reach } = this.#deps;
    const context = { now: clock.now(), random };
    let [{ entry, gone } = UNKNOWN] = await findLast(this.#store, [id]);
    const why = passedOver(this.#deps.reach, entry?.call ?? gone, end);
    if (why) return why;
    if (entry === null) {
      const known = gone && isTombstone(gone) ? null : gone;
      const resultInfo = end.resultInfo ?? gone?.resultInfo ?? null;
      const said = { resultInfo, reach, before: gone?.registration };
      const stopped = unregister(id, known, context, said);
      if (await this.#store.stopUnknown(stopped)) {
        const wasOurs = gone !== null && gone.removal !== 'untracked';
        if (wasOurs && isKeepAliveTimeout(end.resultInfo)) this.#observer.timedOut(stopped);
        return 'ignored';
      }
      [entry = null] = await this.#store.find([id]); // tracked a moment ago
      if (entry === null) throw new StoreUnavailableError(`${id} cannot be read`);
    }
    return await this.#stop(entry, end, context);
  }

  async #stop(
    entry: Entry,
    end: End,
    context: Pick<RegistrationContext, 'now' | 'random'>,
  ): Promise<NoticeFate> {
    const { id } = entry.call;
    let why: NoticeFate | null = null;
    const [effect] = await decideAndWrite(this.#store, [{ id, entry }], (current) => {
      why = passedOver(this.#deps.reach, current?.call ?? null, end);
      if (current === null || why) return null;
      return { gone: unregister(id, inTenant(current.call, end.tenantId), context, end) };
    });
    if (!effect || !('gone' in effect)) return why ?? 'ignored';
    this.#observer.removed(effect.gone);
    if (isKeepAliveTimeout(end.resultInfo)) this.#observer.timedOut(effect.gone);
    return 'stopped';
  }
}
