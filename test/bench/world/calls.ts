import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { pino } from 'pino';
import type { Call } from '../../../src/calls/call.ts';
import { newRegistration } from '../../../src/calls/registration.ts';
import type { Wheel } from '../../../src/calls/wheel.ts';
import { connectFast } from '../../../src/store/connection.ts';
import { RedisCallStore } from '../../../src/store/redis-store.ts';
import { TENANT } from './microsoft.ts';

export const SLOTS = 256;
export const REAL_INTERVAL_MS = 15 * 60_000;

/** Written at once. */
const BATCH = 10_000;

/** A call as it stands after its first keepAlive. */
export function newCall(now: number): Call {
  return {
    id: randomUUID(),
    app: 'default',
    tenantId: TENANT,
    tenantIsDefault: true,
    labels: {},
    webhookUrl: null,
    registration: newRegistration(now, Math.random),
    trackedAt: now,
    startedAt: null,
    trackUntil: null,
    renewedAt: now,
    retryAt: null,
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
  };
}

/** Puts calls into Redis as the product itself does; each is due at its slot's next turn. */
export async function writeCalls(redisUrl: string, wheel: Wheel, count: number): Promise<void> {
  const log = pino({ level: 'silent' });
  const redis = connectFast({ url: redisUrl, timeoutMs: 60_000, log });
  if (redis.status !== 'ready') await once(redis, 'ready');
  try {
    const store = new RedisCallStore(redis, wheel, () => undefined);
    const now = Date.now();
    for (let i = 0; i < count; i += BATCH) {
      const calls = Array.from({ length: Math.min(BATCH, count - i) }, () => newCall(now));
      await store.write(calls.map((next) => ({ id: next.id, expected: null, next })));
    }
  } finally {
    redis.disconnect();
  }
}
