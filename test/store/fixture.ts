import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import type { SettledClock } from '../../src/calls/ports.ts';
import type { Wheel } from '../../src/calls/wheel.ts';
import { connectBlocking, connectFast, type RedisClient } from '../../src/store/connection.ts';
import { EVENTS_KEY } from '../../src/store/keys.ts';
import { RedisCallStore } from '../../src/store/redis-store.ts';
import { Roster } from '../../src/store/roster.ts';
import { DEADLINE_MS, WHEEL } from '../calls/fixture.ts';

/** A server, or a Cluster of them. */
export interface SomeRedis {
  readonly url: string;
  readonly client: RedisClient;
}

export const silent = pino({ level: 'silent' });

/** Of a write that has happened. */
export const DONE = expect.objectContaining({ done: true });

/** Events of a real Redis are waited for generously; they come within moments. */
export const SOON = { timeout: 15_000, interval: 20 };

export const realClock: SettledClock = {
  now: () => Date.now(),
  settledNow: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
};

/** Counts the turns of the event loop, until it is asked for them. */
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

export function aRoster(over: Partial<ConstructorParameters<typeof Roster>[0]> = {}): Roster {
  const room = { mostCalls: 1_000_000, onUnheld: () => undefined };
  return new Roster({ wheel: WHEEL, deadlineMs: DEADLINE_MS, ...room, ...over });
}

/** The daemon's own connection for commands; closed when the test is over. */
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

/** A registry in Redis, and what it found there that it cannot read. */
export async function aRedisStore(server: SomeRedis, wheel: Wheel = WHEEL) {
  const redis = await fast(server);
  const unreadable: { slot: number; id: string; message: string }[] = [];
  const store = new RedisCallStore(redis, wheel, (where, { message }) => {
    unreadable.push({ ...where, message });
  });
  return { redis, store, unreadable };
}

/** What the stream of events says, oldest first. */
export async function events(server: SomeRedis) {
  const entries = await server.client.xrange(EVENTS_KEY, '-', '+');
  return entries.map(([, fields]) => {
    const [type, id, call] = [fields[1] ?? '', fields[3] ?? '', fields[5] ?? ''];
    return { type, id, call, names: fields.filter((_, i) => i % 2 === 0) };
  });
}
