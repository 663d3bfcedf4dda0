import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { pino } from 'pino';
import { newGeneration } from '../../../src/calls/generation.ts';
import { ALL_APPS, type CallRecord, emptyRecord, removedOf } from '../../../src/calls/record.ts';
import type { Wheel } from '../../../src/calls/wheel.ts';
import { connectFast } from '../../../src/store/connection.ts';
import { slotKeys } from '../../../src/store/keys.ts';
import { encodeRecord } from '../../../src/store/record-codec.ts';
import { RedisRegistry } from '../../../src/store/redis-registry.ts';
import { TENANT } from './microsoft.ts';

export const SLOTS = 256;
export const REAL_INTERVAL_MS = 15 * 60_000;

const BATCH = 10_000;

/** The record of a call after its first keepAlive. */
export function newRecord(now: number): CallRecord {
  const empty = emptyRecord(randomUUID());
  return {
    ...empty,
    tracking: {
      generation: newGeneration({ now, random: Math.random }, empty),
      app: 'default',
      tenantId: TENANT,
      tenantIsDefault: true,
      trackedAt: now,
      startedAt: null,
      trackUntil: null,
      labels: {},
      webhookUrl: null,
      owner: null,
    },
    renewedAt: now,
  };
}

/** Writes calls to Redis as the daemon does; each is due at its slot's next turn. */
export function writeCalls(redisUrl: string, wheel: Wheel, count: number): Promise<void> {
  return writeRecords(redisUrl, wheel, count, () => newRecord(Date.now()));
}

/** Writes calls to Redis that were stopped lately, as the daemon does. */
export function writeRemoved(redisUrl: string, wheel: Wheel, count: number): Promise<void> {
  return writeRecords(redisUrl, wheel, count, () => {
    const now = Date.now();
    const record = newRecord(now);
    const generation = record.tracking?.generation ?? '';
    const stop = { generation, at: now, reason: 'request' as const, resultInfo: null };
    return { ...record, stops: { [ALL_APPS]: stop } };
  });
}

async function writeRecords(
  redisUrl: string,
  wheel: Wheel,
  count: number,
  make: () => CallRecord,
): Promise<void> {
  const log = pino({ level: 'silent' });
  const redis = connectFast({ url: redisUrl, timeoutMs: 60_000, log });
  if (redis.status !== 'ready') await once(redis, 'ready');
  try {
    const registry = new RedisRegistry({
      redis,
      slots: wheel.slots,
      keysOf: slotKeys,
      hasWebhooks: false,
    });
    for (let i = 0; i < count; i += BATCH) {
      const records = Array.from({ length: Math.min(BATCH, count - i) }, make);
      await registry.write(
        records.map((record) => ({
          id: record.id,
          expected: '',
          text: encodeRecord(record),
          removedAt: removedOf(record)?.at ?? null,
          announcements: [],
        })),
      );
    }
  } finally {
    redis.disconnect();
  }
}
