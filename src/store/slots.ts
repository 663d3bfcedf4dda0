import type { Timing } from '../calls/plan.ts';
import { ifUnavailable, type Slots } from '../calls/ports.ts';
import { Emitter } from './emitter.ts';
import type { LocalRegistry } from './local-registry.ts';
import { type Head, readHead } from './record-codec.ts';
import type { RedisRegistry } from './redis-registry.ts';
import type { Registry } from './registry.ts';

export interface RegistrySlotsOptions {
  readonly registry: Pick<Registry, 'sync'>;
  readonly local: LocalRegistry;
  readonly shared: Pick<RedisRegistry, 'prune'>;
  readonly isUp: () => boolean;
  /** How long removed calls stay in memory after Redis has them, in ms. */
  readonly rememberMs: number;
  readonly settledNow: () => number;
}

export interface SlotsEvents {
  /** How many calls Redis had lost; they are written back. */
  lost: number;
}

/** The slots of the local registry; each is synced with Redis before it is read. */
export class RegistrySlots extends Emitter<SlotsEvents> implements Slots {
  readonly #options: RegistrySlotsOptions;

  constructor(options: RegistrySlotsOptions) {
    super();
    this.#options = options;
  }

  async read(slot: number): Promise<Iterable<readonly [string, Timing]>> {
    const { registry, local, isUp } = this.#options;
    if (isUp()) {
      const synced = await registry.sync(slot, { removedSince: null }).catch(ifUnavailable);
      if (synced !== null && synced.lost > 0) await this.emit('lost', synced.lost);
    }
    return {
      *[Symbol.iterator]() {
        for (const [id, text] of local.tracked(slot)) yield [id, readHead(text)] as const;
      },
    };
  }

  timing(id: string): Head | null {
    const text = this.#options.local.trackedText(id);
    return text === '' ? null : readHead(text);
  }

  async prune(slot: number, before: number): Promise<void> {
    const { local, shared, isUp, rememberMs, settledNow } = this.#options;
    local.dropRemoved(slot, settledNow() - rememberMs);
    if (isUp()) await shared.prune(slot, before).catch(ifUnavailable);
  }
}
