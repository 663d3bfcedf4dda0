import type { Call } from '../calls/call.ts';
import type { OwnerRecord } from '../calls/owner.ts';
import type { CallKeeper } from '../calls/ports.ts';
import type { RedisClient } from '../store/connection.ts';
import { EventFeed } from '../store/event-feed.ts';
import { StreamedEventLog } from '../store/event-log.ts';
import type { LocalRegistry } from '../store/local-registry.ts';
import type { Context } from './context.ts';

export interface EventsNeeds {
  readonly redis: RedisClient;
  readonly connectBlocking: (blockMs: number) => RedisClient;
  readonly local: LocalRegistry;
  readonly localOwners: LocalRegistry<OwnerRecord>;
  readonly keeper: Pick<CallKeeper, 'plan'>;
}

/** The events of all replicas: the feed updates this replica from them, and clients read the log. */
export function openEvents(context: Context, needs: EventsNeeds) {
  const { durations, clock, metrics } = context;
  const { redis, connectBlocking, local, localOwners, keeper } = needs;
  const eventLog = new StreamedEventLog({ redis, clock });
  const feed = new EventFeed({
    ...context,
    read: redis,
    block: connectBlocking(durations.heartbeatMs),
    local,
    owners: localOwners,
    eventLog,
    blockMs: Math.ceil(durations.heartbeatMs),
    // The replica that tracked the call makes its first keepAlive, unless it dies or stops first.
    onTracked: (call: Call) => keeper.plan([[call.id, call]], durations.retryGraceMs),
    onUnreadable: () => metrics.unreadableValue(),
  });
  return { eventLog, feed, [Symbol.asyncDispose]: async () => feed.stop() };
}
