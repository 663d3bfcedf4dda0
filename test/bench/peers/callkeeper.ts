import { REAL_INTERVAL_MS, SLOTS, writeCalls } from '../world/calls.ts';
import { Daemon } from '../world/daemon.ts';
import { BenchRedis } from '../world/redis.ts';
import { Turns } from '../world/turns.ts';
import type { Subject } from './subject.ts';

/**
 * The daemon itself. If calls are spread, its wheel turns once in `everyMs`; otherwise it turns in
 * 15 minutes, as in production, and all calls are due at each `fire`.
 */
export const CALLKEEPER: Subject = {
  name: 'callkeeper',
  title: 'Callkeeper, the whole daemon',
  burstMs: 3_000,
  async start(microsoft, calls, due) {
    const intervalMs = due.spread ? due.everyMs : REAL_INTERVAL_MS;
    const wheel = { intervalMs, slots: SLOTS };
    await using starting = new AsyncDisposableStack();
    const redis = starting.use(await BenchRedis.start());
    const emptyBytes = await redis.bytes();
    await writeCalls(redis.url, wheel, calls);
    const daemon = starting.use(await Daemon.start({ microsoft, redisUrl: redis.url, intervalMs }));
    const turns = due.spread ? null : starting.use(await Turns.open(redis, wheel));
    const running = starting.move();
    return {
      child: daemon.child,
      store: redis,
      emptyBytes,
      ...(turns && { fire: () => turns.fire() }),
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  },
};
