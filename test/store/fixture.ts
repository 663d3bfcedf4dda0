import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Call, RemovedCall } from '../../src/calls/call.ts';
import type { SettledClock } from '../../src/calls/ports.ts';
import { type CallRecord, stateOf } from '../../src/calls/record.ts';
import { connectBlocking, connectFast, type RedisClient } from '../../src/store/connection.ts';
import { EVENTS_KEY, slotKeys } from '../../src/store/keys.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { decodeRecord, encodeRecord } from '../../src/store/record-codec.ts';
import { CALLS } from '../../src/store/record-kind.ts';
import { RedisRegistry } from '../../src/store/redis-registry.ts';
import { Registry, type RegistryOptions } from '../../src/store/registry.ts';
import { fieldOf } from '../../src/store/stream-entry.ts';
import { NOW, recordOf, SKEW_MS, WHEEL } from '../calls/fixture.ts';

/** A server or a Cluster. */
export interface SomeRedis {
  readonly url: string;
  readonly client: RedisClient;
}

export const silent = pino({ level: 'silent' });

/** Generous: events of a real Redis usually come within ms. */
export const SOON = { timeout: 15_000, interval: 20 };

export const realClock: SettledClock = {
  now: () => Date.now(),
  settledNow: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
};

/** Counts the turns of the event loop until the returned function is called. */
export function countTurns(): () => number {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
    return turns;
  };
}

/** The daemon's connection for commands; the test's end closes it. */
export async function fast(server: SomeRedis, timeoutMs = 5_000): Promise<RedisClient> {
  const redis = connectFast({ url: server.url, timeoutMs, log: silent });
  onTestFinished(() => redis.disconnect());
  await ready(redis);
  return redis;
}

export async function blocking(server: SomeRedis, blockMs = 200): Promise<RedisClient> {
  const redis = connectBlocking({ url: server.url, timeoutMs: 5_000, log: silent }, blockMs);
  onTestFinished(() => redis.disconnect());
  await ready(redis);
  return redis;
}

export async function ready(redis: RedisClient): Promise<void> {
  if (redis.status !== 'ready') await new Promise((done) => redis.once('ready', done));
}

/** A replica's registry over a real Redis, with its parts. */
export async function aReplica(server: SomeRedis, over: Partial<RegistryOptions<CallRecord>> = {}) {
  const redis = await fast(server);
  const link = { up: true };
  const shared = new RedisRegistry({
    redis,
    slots: WHEEL.slots,
    keysOf: slotKeys,
    hasWebhooks: true,
  });
  const local = aLocal();
  const announced: { type: string; id: string }[] = [];
  const unreadable: { id: string; message: string }[] = [];
  const registry = new Registry({
    kind: CALLS,
    local,
    shared,
    isUp: () => link.up,
    now: () => LATER,
    isStale: () => false,
    onAnnounced: ({ type }, { id }) => void announced.push({ type, id }),
    onUnreadable: (id, { message }) => void unreadable.push({ id, message }),
    ...over,
  });
  /** Merges records into the registry, like everybody who learns something about a call. */
  const add = async (...records: CallRecord[]) => {
    return registry.update(records.map((record) => ({ id: record.id, decide: () => record })));
  };
  const sync = async (removedSince: number | null = 0) => {
    const sum = { learned: 0, pushed: 0, lost: 0 };
    for (let slot = 0; slot < WHEEL.slots; slot++) {
      const synced = await registry.sync(slot, { removedSince });
      for (const key of ['learned', 'pushed', 'lost'] as const) sum[key] += synced[key];
    }
    return sum;
  };
  /** The state of a call in Redis. */
  const stored = async (id: string) => {
    const [text = ''] = await shared.read([id]);
    return text === '' ? null : stateOf(decodeRecord(id, text));
  };
  return { redis, link, shared, local, registry, announced, unreadable, add, sync, stored };
}

/** After everything that happens in the tests. */
export const LATER = NOW + 60_000;

export function aLocal(): LocalRegistry {
  const { intervalMs } = WHEEL;
  return new LocalRegistry({
    kind: CALLS,
    slots: WHEEL.slots,
    skew: () => ({ now: LATER, skewMs: SKEW_MS, intervalMs }),
  });
}

/** The events in the stream, oldest first. */
export async function events(server: SomeRedis, key = EVENTS_KEY) {
  const entries = await server.client.xrange(key, '-', '+');
  return entries.map(([, fields]) => {
    const [type, name, at] = [
      fieldOf(fields, 'type'),
      fieldOf(fields, 'name'),
      fieldOf(fields, 'at'),
    ];
    return {
      type,
      name,
      at: Number(at),
      id: fieldOf(fields, 'id'),
      call: fieldOf(fields, 'record'),
    };
  });
}

/** Appends an event as the registry does; returns its place. */
export async function publish(
  server: SomeRedis,
  type: string,
  call: Call | RemovedCall,
  { key = EVENTS_KEY, at = NOW } = {},
) {
  const name = `${call.id}/${call.generation}/${type}`;
  const text = encodeRecord(recordOf(call));
  const fields = ['type', type, 'name', name, 'at', `${at}`, 'id', call.id, 'record', text];
  return (await server.client.xadd(key, '*', ...fields)) ?? '';
}

/** Gives the entries of a stream places in the distant past. */
export async function backdate(
  redis: Pick<RedisClient, 'xrange' | 'del' | 'xadd'>,
  key: string,
): Promise<void> {
  const entries = await redis.xrange(key, '-', '+');
  await redis.del(key); // or the new places would have to be greater
  for (const [i, [, fields]] of entries.entries()) await redis.xadd(key, `${i + 1}-1`, ...fields);
}
