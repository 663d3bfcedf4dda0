import type { Logger } from 'pino';
import type { Clock, Observer } from '../calls/ports.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { Metrics } from '../metrics.ts';
import type { Watch } from '../schedule/watch.ts';
import type { EventFeed } from '../store/event-feed.ts';
import { reconcile } from '../store/reconcile.ts';
import type { Recovered, RedisLink } from '../store/redis-link.ts';
import type { RedisCallStore } from '../store/redis-store.ts';
import type { Roster } from '../store/roster.ts';

export interface RecoveryOptions {
  readonly store: RedisCallStore;
  readonly roster: Roster;
  readonly feed: Pick<EventFeed, 'follow'>;
  readonly watch: Pick<Watch, 'lookSoon'>;
  readonly observer: Pick<Observer, 'removed'>;
  readonly metrics: Pick<Metrics, 'callsWrittenBack'>;
  readonly wheel: Wheel;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The daemon cannot go on. */
  readonly onFatal: (error: Error) => void;
}

/**
 * Syncs the local registry with Redis: all slots when Redis is back, and with each
 * heartbeat the slots that have something unacknowledged.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  /** Redis has lost calls in some slots, and may have lost more in others. */
  #mayHaveLost = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  follow(link: RedisLink): void {
    link.on('recovered', (how) => this.#onRecovered(how));
    link.on('beat', () => this.#onBeat());
    link.on('lost', () => this.#options.watch.lookSoon());
    link.on('refused', (error) => this.#onRefused(error));
  }

  /** Before the replica stops: writes to Redis what only this replica knows, or else it is lost. */
  async saveLast(): Promise<void> {
    const { store, roster, clock, log } = this.#options;
    if (!roster.hasUnsaved) return;
    const saving = reconcile(store, roster, roster.unsavedSlots, clock);
    const err = await saving.then(
      () => null,
      (error: unknown) => error,
    );
    if (err === null && !roster.hasUnsaved) return;
    log.error(
      { err },
      'Redis is out: what was tracked or stopped meanwhile is lost with this replica',
    );
  }

  async #onRecovered({ isFirst }: Recovered): Promise<void> {
    await this.#options.feed.follow();
    await this.#syncAll(isFirst);
  }

  async #onBeat(): Promise<void> {
    const { unsavedSlots } = this.#options.roster;
    if (unsavedSlots.length > 0) {
      const restored = await this.#sync(unsavedSlots, false);
      if (restored > 0) this.#mayHaveLost = true;
    }
    if (this.#mayHaveLost) await this.#syncAll(false);
  }

  /** A replica that keeps calls alive from memory must not give up, whatever is wrong with Redis. */
  #onRefused(error: Error): void {
    const { roster, onFatal } = this.#options;
    if (!roster.hasUnsaved) onFatal(error);
  }

  async #syncAll(isFirst: boolean): Promise<void> {
    const { wheel } = this.#options;
    await this.#sync(
      Array.from({ length: wheel.slots }, (_, slot) => slot),
      isFirst,
    );
    this.#mayHaveLost = false;
  }

  /** @returns how many calls Redis had lost */
  async #sync(slots: readonly number[], isFirst: boolean): Promise<number> {
    const { store, roster, watch, observer, metrics, wheel, replica, clock, log } = this.#options;
    const merged = await reconcile(store, roster, slots, clock);
    const { updated, restored, left, unreadable } = merged;
    for (const call of left) observer.removed(call);
    if (unreadable.length > 0) log.error({ slots: unreadable }, 'keys in Redis are not ours');
    metrics.callsWrittenBack(restored);
    // Meanwhile a visit may have found a slot empty, and counted its turn as done.
    if (restored > 0) watch.lookSoon();
    const { tracked } = roster;
    log.info({ replica, ...wheel, tracked, updated, restored, isFirst }, 'in step with Redis');
    return restored;
  }
}
