/**
 * What a call costs in the memory of a replica (the roster) and in Redis.
 *
 *   node --expose-gc test/bench/roster.ts [calls]
 */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { Call } from '../../src/calls/call.ts';
import { newRegistration } from '../../src/calls/registration.ts';
import { connectFast } from '../../src/store/connection.ts';
import { RedisCallStore } from '../../src/store/redis-store.ts';
import { Roster } from '../../src/store/roster.ts';
import { RedisServer } from '../redis/redis-server.ts';

const count = Number(process.argv[2] ?? 100_000);
const wheel = { intervalMs: 900_000, slots: 256 };
const now = Date.now();

function call(): Call {
  return {
    id: randomUUID(),
    app: 'default',
    tenantId: '7f5b1f62-4a02-4f2e-9a2b-6c7d9c0a1b11',
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

const server = new RedisServer();
await server.start();
const redis = connectFast({
  url: server.url,
  timeoutMs: 60_000,
  log: pino({ level: 'silent' }),
});
await new Promise((resolve) => redis.once('ready', resolve));
try {
  const store = new RedisCallStore(redis, wheel, () => undefined);
  const usedBefore = await usedMemory();
  for (let i = 0; i < count; i += 1_000) {
    const calls = Array.from({ length: Math.min(1_000, count - i) }, call);
    await store.write(calls.map((next) => ({ id: next.id, expected: null, next })));
  }
  const inRedis = (await usedMemory()) - usedBefore;

  const roster = new Roster({
    wheel,
    deadlineMs: 2_700_000,
    mostCalls: count,
    onUnheld: () => undefined,
  });
  const heapBefore = heapUsed();
  const readsBefore = await commands();
  for (let slot = 0; slot < wheel.slots; slot++) {
    const mark = roster.mark();
    roster.replaceSlot(slot, await store.readSlot(slot), mark);
  }
  const reads = (await commands()) - readsBefore;
  const inRoster = heapUsed() - heapBefore;
  const { tracked } = roster.summary(now);
  if (tracked !== count) throw new Error(`${tracked} calls held`);

  console.log(`calls                              ${count}`);
  console.log(`Redis, bytes a call                ${(inRedis / count).toFixed(0)}`);
  console.log(`roster, bytes a call               ${(inRoster / count).toFixed(0)}`);
  console.log(`Redis commands to read the wheel   ${reads} (${(reads / count).toFixed(4)} a call)`);
} finally {
  redis.disconnect();
  await server.stop();
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await server.client.info('memory'))?.[1]);
}

async function commands(): Promise<number> {
  const stats = await server.client.info('stats');
  return Number(/total_commands_processed:(\d+)/.exec(stats)?.[1]);
}
