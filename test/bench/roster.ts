/** Reads the wheel from Redis into a roster, as a replica does, and tells what that takes. */
import { once } from 'node:events';
import { pino } from 'pino';
import { connectFast } from '../../src/store/connection.ts';
import { RedisCallStore } from '../../src/store/redis-store.ts';
import { Roster } from '../../src/store/roster.ts';
import { serve } from './rpc.ts';
import { SLOTS } from './world/calls.ts';

export interface RosterUse {
  readonly tracked: number;
  /** V8's heap that the roster takes. */
  readonly heapBytes: number;
}

serve({
  read: async ({ url, calls }: { url: string; calls: number }): Promise<RosterUse> => {
    const redis = connectFast({ url, timeoutMs: 60_000, log: pino({ level: 'silent' }) });
    if (redis.status !== 'ready') await once(redis, 'ready');
    const wheel = { intervalMs: 900_000, slots: SLOTS };
    const store = new RedisCallStore(redis, wheel, () => undefined);
    const roster = new Roster({
      wheel,
      deadlineMs: 2_700_000,
      mostCalls: calls,
      onUnheld: () => undefined,
    });
    const before = heapUsed();
    for (let slot = 0; slot < SLOTS; slot++) {
      const mark = roster.mark();
      roster.replaceSlot(slot, await store.readSlot(slot), mark);
    }
    const heapBytes = heapUsed() - before;
    redis.disconnect();
    return { tracked: roster.summary(Date.now()).tracked, heapBytes };
  },
});

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
