import type { Announcement } from '../calls/announcement.ts';
import { callOf, isRemoved } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import type { CallRecord } from '../calls/record.ts';
import { Census } from '../store/census.ts';
import type { RedisClient } from '../store/connection.ts';
import { slotKeys } from '../store/keys.ts';
import { LocalRegistry } from '../store/local-registry.ts';
import { LocalOwnedCalls } from '../store/owned-calls.ts';
import { readHead } from '../store/record-codec.ts';
import { CALLS } from '../store/record-kind.ts';
import type { RedisLink } from '../store/redis-link.ts';
import { RedisRegistry } from '../store/redis-registry.ts';
import { Registry } from '../store/registry.ts';
import { RegistrySlots } from '../store/slots.ts';
import type { Context } from './context.ts';

export interface RegistryNeeds {
  readonly redis: RedisClient;
  readonly link: Pick<RedisLink, 'up'>;
}

/** How long after its deadline a copy of a call is dropped: nobody needs it any more. */
const STALE_MS = 24 * 60 * 60 * 1_000;

/** The calls that this replica and Redis know, and the views of them. */
export function openRegistry(context: Context, { redis, link }: RegistryNeeds) {
  const { config, wheel, deadlineMs, rememberMs, durations, clock } = context;
  const { intervalMs, slots: slotCount } = wheel;
  const { skewMs } = durations;
  const local = new LocalRegistry({
    kind: CALLS,
    slots: slotCount,
    skew: () => ({ now: clock.now(), skewMs, intervalMs }),
  });
  const owned = new LocalOwnedCalls(local, slotCount);
  const hasWebhooks = config.webhooks !== null;
  const shared = new RedisRegistry({ redis, slots: slotCount, keysOf: slotKeys, hasWebhooks });
  const news = new CallNews(context);
  const registry = new Registry({
    kind: CALLS,
    local,
    shared,
    isUp: () => link.up,
    now: () => clock.now(),
    isStale: (text) => clock.settledNow() > deadlineAt(readHead(text), deadlineMs) + STALE_MS,
    onAnnounced: (announcement, record) => news.announced(announcement, record),
    onUnreadable: (id, error) => news.unreadable(id, error),
  });
  const slots = new RegistrySlots({
    registry,
    local,
    shared,
    isUp: () => link.up,
    rememberMs,
    clock,
  });
  const census = new Census(local, slotCount, deadlineMs);
  return { local, shared, registry, slots, census, owned };
}

class CallNews {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  announced({ type }: Announcement, record: CallRecord): void {
    const { observer, diary } = this.#context;
    const call = callOf(record);
    if (call === null) return;
    if (!isRemoved(call)) {
      if (type === 'at-risk') observer.atRisk(call);
    } else if (!diary.isRepeat(call)) {
      observer.removed(call);
    }
  }

  unreadable(call: string, err: Error): void {
    const { metrics, log } = this.#context;
    metrics.unreadableValue();
    log.warn({ call, err }, 'a value in Redis cannot be read; it is skipped');
  }
}
