import type { Logger } from 'pino';
import { callOf, isRemoved } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import { believe } from '../calls/merge.ts';
import type { Observer, SettledClock } from '../calls/ports.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { Census } from '../store/census.ts';
import type { RedisClient } from '../store/connection.ts';
import { slotKeys } from '../store/keys.ts';
import { LocalRegistry } from '../store/local-registry.ts';
import { LocalOwnedCalls, OwnerCounts } from '../store/owned-calls.ts';
import { readHead } from '../store/record-codec.ts';
import { CALLS } from '../store/record-kind.ts';
import { RedisRegistry } from '../store/redis-registry.ts';
import { Registry } from '../store/registry.ts';
import { RegistrySlots } from '../store/slots.ts';

export interface RegistryParts {
  readonly redis: RedisClient;
  readonly hasWebhooks: boolean;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly skewMs: number;
  readonly clock: SettledClock;
  readonly isUp: () => boolean;
  readonly observer: () => Observer;
  readonly onLost: (calls: number) => void;
  readonly metrics: () => Pick<Metrics, 'unreadableValue'>;
  readonly log: Logger;
}

/** A day after its deadline nobody waits for a call any more: an old copy of it is dropped. */
const STALE_MS = 24 * 60 * 60 * 1_000;

/** The registry of this replica and of Redis, and the views of it. */
export function buildRegistry(parts: RegistryParts) {
  const { redis, hasWebhooks, wheel, deadlineMs, skewMs, clock, isUp, onLost, log } = parts;
  const { intervalMs, slots: slotCount } = wheel;
  const counts = new OwnerCounts();
  const local = new LocalRegistry({
    kind: CALLS,
    slots: slotCount,
    believe: (record) => believe(record, { now: clock.now(), skewMs, intervalMs }),
    onChange: (before, after) => counts.moved(before, after),
  });
  const shared = new RedisRegistry({ redis, slots: slotCount, keysOf: slotKeys, hasWebhooks });
  const registry = new Registry({
    kind: CALLS,
    local,
    shared,
    isUp,
    now: () => clock.now(),
    isStale: (text) => clock.settledNow() > deadlineAt(readHead(text), deadlineMs) + STALE_MS,
    onAnnounced: ({ type }, record) => {
      const call = callOf(record);
      if (call === null) return;
      if (isRemoved(call)) parts.observer().removed(call);
      else if (type === 'at-risk') parts.observer().atRisk(call);
    },
    onUnreadable: (call, err) => {
      parts.metrics().unreadableValue();
      log.warn({ call, err }, 'a value in Redis cannot be read; it is skipped');
    },
  });
  const slots = new RegistrySlots({
    registry,
    local,
    shared,
    isUp,
    rememberMs: 2 * deadlineMs,
    settledNow: () => clock.settledNow(),
    onLost,
  });
  const census = new Census(local, wheel, deadlineMs);
  const owned = new LocalOwnedCalls(local, slotCount, counts);
  return { local, shared, registry, slots, census, owned };
}
