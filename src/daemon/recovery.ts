import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { batchesOf } from '../calls/batches-of.ts';
import { type SettledClock, StoreUnavailableError } from '../calls/ports.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Watch } from '../schedule/watch.ts';
import type { Diaries } from '../store/diaries.ts';
import type { EventFeed } from '../store/event-feed.ts';
import type { Recovered, RedisLink } from '../store/redis-link.ts';
import { WrongTypeError } from '../store/redis-registry.ts';
import type { Registry } from '../store/registry.ts';
import type { RegistrySlots } from '../store/slots.ts';
import type { Context } from './context.ts';
import type { Turns } from './turns.ts';

export interface RecoveryOptions {
  readonly registry: Pick<Registry, 'flush' | 'unacknowledged'>;
  readonly slots: Pick<RegistrySlots, 'sync'>;
  readonly feed: Pick<EventFeed, 'follow'>;
  readonly watch: Pick<Watch, 'lookSoon'>;
  /** Whether a replica that stops should wait for a Redis that does not answer. */
  readonly comesBack: boolean;
  readonly metrics: Pick<Metrics, 'callsWrittenBack'>;
  readonly wheel: Wheel;
  /** Calls that were removed within this time are compared with Redis too. */
  readonly rememberMs: number;
  readonly replica: string;
  readonly clock: SettledClock;
  readonly log: Logger;
  readonly onFatal: (error: Error) => void;
}

export interface RecoveryNeeds
  extends Pick<RecoveryOptions, 'registry' | 'feed' | 'watch' | 'comesBack'> {
  readonly link: RedisLink;
  readonly slots: RegistrySlots;
  readonly diaries: Diaries;
  readonly turns: Turns;
}

/**
 * Lets the parts follow the link to Redis. The recovery comes first: when Redis goes out, the watch
 * takes over before anything waits for a suspended worker. When Redis is back, this replica takes
 * turns only after it has written what it knows.
 */
export function openRecovery(context: Context, needs: RecoveryNeeds): Recovery {
  const { link, slots, diaries, turns } = needs;
  const recovery = new Recovery({ ...context, ...needs });
  recovery.follow(link, slots);
  diaries.follow(link);
  turns.follow(link);
  return recovery;
}

/** One after another, the round trips would add up to seconds. */
const SYNCS_AT_ONCE = 16;
/** Between two attempts to write the last changes. */
const SAVE_AGAIN_MS = 100;

/**
 * Syncs this replica with Redis: all slots when Redis is back or has lost data, and with each
 * heartbeat what Redis has not confirmed yet.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  /** Redis has lost calls of some slots, so it may have lost others too. */
  #mayHaveLost = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  follow(link: RedisLink, slots: RegistrySlots): void {
    link.on('recovered', (how) => this.#onRecovered(how));
    link.on('beat', () => this.#onBeat());
    link.on('lost', () => this.#options.watch.lookSoon());
    link.on('refused', (error) => this.#onRefused(error));
    slots.on('lost', (calls) => this.#onLost(calls));
  }

  /**
   * Stores what only this replica knows, which would be lost when it stops. If Redis comes back, it
   * retries until Redis has stored all or `limit` aborts: the link may still count a Redis that
   * answers again as out, and the first write may still time out.
   */
  async saveLast(limit: AbortSignal): Promise<void> {
    const { registry, comesBack, log } = this.#options;
    while (registry.unacknowledged > 0 && !(await registry.flush()) && comesBack) {
      if (limit.aborted) break;
      await sleep(SAVE_AGAIN_MS, undefined, { signal: limit }).catch(() => undefined);
    }
    if (registry.unacknowledged === 0) return;
    log.error(
      { calls: registry.unacknowledged },
      'Redis is out: changes since then are lost when this replica stops',
    );
  }

  async #onRecovered({ isFirst }: Recovered): Promise<void> {
    await this.#options.feed.follow();
    await this.#syncAll(isFirst);
  }

  async #onBeat(): Promise<void> {
    const { registry } = this.#options;
    if (registry.unacknowledged > 0 && !(await registry.flush())) {
      throw new StoreUnavailableError('Redis does not take the calls of this replica');
    }
    if (this.#mayHaveLost) await this.#syncAll(false);
  }

  /**
   * A replica that keeps calls alive from memory must not give up, whatever is wrong with Redis.
   */
  #onRefused(error: Error): void {
    const { registry, onFatal } = this.#options;
    if (registry.unacknowledged === 0) onFatal(error);
  }

  /** A visit has found that Redis had lost calls. */
  #onLost(calls: number): void {
    this.#options.metrics.callsWrittenBack(calls);
    this.#mayHaveLost = true;
  }

  async #syncAll(isFirst: boolean): Promise<void> {
    const { watch, metrics, wheel, rememberMs, replica, clock, log } = this.#options;
    const removedSince = clock.settledNow() - rememberMs;
    const sum = { learned: 0, pushed: 0, lost: 0 };
    const unreadable: number[] = [];
    const syncOne = async (slot: number) => {
      try {
        const synced = await this.#options.slots.sync(slot, { removedSince });
        for (const key of ['learned', 'pushed', 'lost'] as const) sum[key] += synced[key];
      } catch (error) {
        if (!(error instanceof WrongTypeError)) throw error;
        unreadable.push(slot);
      }
    };
    const slots = Array.from({ length: wheel.slots }, (_, slot) => slot);
    for (const some of batchesOf(slots, SYNCS_AT_ONCE)) await Promise.all(some.map(syncOne));
    this.#mayHaveLost = false;
    if (unreadable.length > 0) {
      log.error({ slots: unreadable }, 'keys of slots in Redis have a foreign type: not synced');
    }
    metrics.callsWrittenBack(sum.lost);
    // The sync may bring calls whose turns nobody made. A look or a visit before the sync did not
    // know them, but counts its turn as done.
    watch.lookSoon();
    log.info({ replica, ...wheel, ...sum, isFirst }, 'in step with Redis');
  }
}
