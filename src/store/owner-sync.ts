import type { Logger } from 'pino';
import type { OwnerRecord } from '../calls/owner.ts';
import type { SettledClock } from '../calls/ports.ts';
import type { RedisClient } from './connection.ts';
import { LEASE_LOCK_KEY } from './keys.ts';
import type { LocalOwners } from './local-owners.ts';
import type { LocalRegistry } from './local-registry.ts';
import { type RedisRegistry, WrongTypeError } from './redis-registry.ts';
import type { Registry } from './registry.ts';

export interface OwnerSyncOptions {
  readonly redis: RedisClient;
  readonly replica: string;
  /** How long the lease lock holds unless it is extended, in ms. */
  readonly holdMs: number;
  readonly registry: Registry<OwnerRecord>;
  readonly local: LocalRegistry<OwnerRecord>;
  readonly shared: RedisRegistry;
  readonly owners: Pick<LocalOwners, 'inDoubt'>;
  readonly slots: number;
  /** How long a lost or dropped owner is kept, in ms. */
  readonly keptMs: number;
  /**
   * The most lost and dropped owners that are kept for longer than `learnMs`, approximately. Without
   * a limit, a client could fill Redis by dropping owners with ever new names.
   */
  readonly mostRemoved: number;
  /** All replicas have learned of a removal after this long, and its calls are stopped. In ms. */
  readonly learnMs: number;
  readonly clock: SettledClock;
  readonly log: Logger;
}

/** Keeps this replica's owners in step with Redis, and holds the lease lock. */
export class OwnerSync {
  readonly #options: OwnerSyncOptions;

  constructor(options: OwnerSyncOptions) {
    this.#options = options;
  }

  /** Takes or extends the lease lock; false if another replica has it, or Redis does not answer. */
  async holdLock(): Promise<boolean> {
    const { redis, replica, holdMs } = this.#options;
    const holding = redis.holdLock(LEASE_LOCK_KEY, replica, Math.ceil(holdMs));
    return (await holding.catch(() => 0)) === 1;
  }

  get isAhead(): boolean {
    return this.#options.registry.unacknowledged > 0;
  }

  /** Syncs all owners, and forgets those that were removed long ago. Rejects if Redis fails. */
  async syncAll(): Promise<void> {
    const { slots, log } = this.#options;
    const unreadable: number[] = [];
    for (let slot = 0; slot < slots; slot++) {
      try {
        await this.#sync(slot);
      } catch (error) {
        if (!(error instanceof WrongTypeError)) throw error;
        unreadable.push(slot);
      }
    }
    if (unreadable.length > 0) log.error({ slots: unreadable }, 'keys of owners are not ours');
  }

  /** Reads the owners in doubt, which the holder of the lock may be about to change. */
  async refresh(): Promise<void> {
    const { registry, owners } = this.#options;
    const ids = owners.inDoubt();
    if (ids.length > 0) await registry.read(ids);
  }

  async #sync(slot: number): Promise<void> {
    const { registry, local, shared, slots, keptMs, mostRemoved, learnMs, clock } = this.#options;
    const now = clock.settledNow();
    const firstKeptAt = await shared.removalAt(slot, Math.ceil(mostRemoved / slots));
    const since = Math.max(now - keptMs, Math.min(firstKeptAt, now - learnMs));
    local.dropRemoved(slot, since);
    await shared.prune(slot, since);
    await registry.sync(slot, { removedSince: since, isSettled: (id) => this.#isSettled(id) });
  }

  /** If such an owner still has calls, the lease expirer reads it again, so a sync need not. */
  #isSettled(id: string): boolean {
    const { local } = this.#options;
    return local.isRemoved(id) && local.isAcknowledged(id);
  }
}
