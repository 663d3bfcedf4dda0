import type { Timing } from '../calls/plan.ts';
import { ifUnavailable, type SettledClock, type Slots } from '../calls/ports.ts';
import { Emitter } from './emitter.ts';
import type { LocalRegistry } from './local-registry.ts';
import { type Head, readHead } from './record-codec.ts';
import type { RedisRegistry } from './redis-registry.ts';
import type { Registry, Synced, SyncOptions } from './registry.ts';

export interface RegistrySlotsOptions {
  readonly registry: Pick<Registry, 'sync'>;
  readonly local: LocalRegistry;
  readonly shared: Pick<RedisRegistry, 'prune'>;
  readonly isUp: () => boolean;
  /** How long removed calls stay in memory after Redis has them, in ms. */
  readonly rememberMs: number;
  readonly clock: Pick<SettledClock, 'now' | 'settledNow'>;
}

export interface SlotsEvents {
  /** How many calls Redis had lost; they are written back. */
  lost: number;
}

/** The slots of the local registry, which are synced with Redis when they are read. */
export class RegistrySlots extends Emitter<SlotsEvents> implements Slots {
  readonly #options: RegistrySlotsOptions;
  /** When each slot was synced last, epoch ms. */
  readonly #syncedAt = new Map<number, number>();

  constructor(options: RegistrySlotsOptions) {
    super();
    this.#options = options;
  }

  async read(slot: number, since?: number): Promise<Iterable<readonly [string, Timing]>> {
    const { local, isUp } = this.#options;
    if (isUp() && !this.#isSynced(slot, since)) await this.#syncBeforeRead(slot);
    return {
      *[Symbol.iterator]() {
        for (const [id, text] of local.tracked(slot)) yield [id, readHead(text)] as const;
      },
    };
  }

  /** A sync in the future does not count: the clock was set back since. */
  #isSynced(slot: number, since = Number.POSITIVE_INFINITY): boolean {
    const at = this.#syncedAt.get(slot) ?? Number.NEGATIVE_INFINITY;
    return at >= since && at <= this.#options.clock.now();
  }

  async #syncBeforeRead(slot: number): Promise<void> {
    const synced = await this.sync(slot, { removedSince: null }).catch(ifUnavailable);
    if (synced !== null && synced.lost > 0) await this.emit('lost', synced.lost);
  }

  /** See {@link Registry.sync}. */
  async sync(slot: number, options: SyncOptions): Promise<Synced> {
    const { registry, clock } = this.#options;
    const at = clock.now();
    const synced = await registry.sync(slot, options);
    this.#syncedAt.set(slot, at);
    return synced;
  }

  timing(id: string): Head | null {
    const text = this.#options.local.trackedText(id);
    return text === '' ? null : readHead(text);
  }

  async prune(slot: number, before: number): Promise<void> {
    const { local, shared, isUp, rememberMs, clock } = this.#options;
    local.dropRemoved(slot, clock.settledNow() - rememberMs);
    if (isUp()) await shared.prune(slot, before).catch(ifUnavailable);
  }
}
