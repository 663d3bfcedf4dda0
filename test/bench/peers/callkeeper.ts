import { slotWidthMs, turnAtOrBefore } from '../../../src/calls/wheel.ts';
import { openQueue } from '../../../src/schedule/wheel-queue.ts';
import { QUEUE_PREFIX, slotKeys } from '../../../src/store/keys.ts';
import { SLOTS, writeCalls } from '../world/calls.ts';
import { Daemon } from '../world/daemon.ts';
import { BenchRedis } from '../world/redis.ts';
import type { Subject } from './subject.ts';

const REAL_INTERVAL_MS = 15 * 60_000;

/**
 * The daemon itself. Spread, the wheel is turned once in `everyMs`. In a burst it
 * is the real one, of 15 minutes, and each instant gives every slot one job of a
 * turn that was missed, as the daemon itself does where schedulers had stood still:
 * all calls are due at once.
 */
export const CALLKEEPER: Subject = {
  name: 'callkeeper',
  title: 'Callkeeper, the whole daemon',
  burstEveryMs: 8_000,
  async start(microsoft, calls, due) {
    const intervalMs = due.spread ? due.everyMs : REAL_INTERVAL_MS;
    const wheel = { intervalMs, slots: SLOTS };
    await using starting = new AsyncDisposableStack();
    const redis = starting.use(await BenchRedis.start());
    const emptyBytes = await redis.bytes();
    await writeCalls(redis.url, wheel, calls);
    const daemon = starting.use(await Daemon.start({ microsoft, redisUrl: redis.url, intervalMs }));
    const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
    const sizes = await Promise.all(
      slots.map((slot) => redis.client.hlen(slotKeys(slot, SLOTS).calls)),
    );
    const queue = openQueue(redis.client, QUEUE_PREFIX);
    starting.defer(() => queue.close());
    const running = starting.move();
    return {
      child: daemon.child,
      store: redis,
      emptyBytes,
      async fire() {
        const now = Date.now();
        // So long ago that the visits are not spread over the slot's width any more.
        const turnAt = now - Math.ceil(slotWidthMs(wheel));
        await queue.addBulk(slots.map((slot) => ({ name: 'turn', data: { slot, turnAt } })));
        const isDue = (slot: number) => turnAtOrBefore(slot, now, wheel) < turnAt;
        return sizes.reduce((sum, size, slot) => sum + (isDue(slot) ? size : 0), 0);
      },
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  },
};
