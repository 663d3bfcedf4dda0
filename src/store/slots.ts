import { type Call, trackedCallOf } from '../calls/call.ts';
import type { Timing } from '../calls/plan.ts';
import { ifUnavailable, type Slots } from '../calls/ports.ts';
import type { LocalRegistry } from './local-registry.ts';
import { readHead } from './record-codec.ts';
import type { RedisRegistry } from './redis-registry.ts';
import type { Registry } from './registry.ts';

export interface RegistrySlotsOptions {
  readonly registry: Pick<Registry, 'sync'>;
  readonly local: LocalRegistry;
  readonly shared: Pick<RedisRegistry, 'prune'>;
  readonly isUp: () => boolean;
  /** How long removed calls are remembered in memory after Redis has them, in ms. */
  readonly rememberMs: number;
  readonly settledNow: () => number;
  /** Redis had lost calls, and has them again. */
  readonly onLost: (calls: number) => void;
}

/** The slots of the local registry, brought up to date with Redis before each is read. */
export class RegistrySlots implements Slots {
  readonly #options: RegistrySlotsOptions;

  constructor(options: RegistrySlotsOptions) {
    this.#options = options;
  }

  async read(slot: number): Promise<Iterable<readonly [string, Timing]>> {
    const { registry, local, isUp, onLost } = this.#options;
    if (isUp()) {
      const synced = await registry.sync(slot, { removedSince: null }).catch(ifUnavailable);
      if (synced !== null && synced.lost > 0) onLost(synced.lost);
    }
    return {
      *[Symbol.iterator]() {
        for (const [id, text] of local.tracked(slot)) yield [id, readHead(text)] as const;
      },
    };
  }

  call(id: string): Call | null {
    return trackedCallOf(this.#options.local.get(id));
  }

  async prune(slot: number, before: number): Promise<void> {
    const { local, shared, isUp, rememberMs, settledNow } = this.#options;
    local.dropRemoved(slot, settledNow() - rememberMs);
    if (isUp()) await shared.prune(slot, before).catch(ifUnavailable);
  }
}
