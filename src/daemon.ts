import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Calls } from './calls/calls.ts';
import { Lanes } from './calls/lanes.ts';
import type { Clock } from './calls/ports.ts';
import { retryPolicy } from './calls/retry.ts';
import { Visitor } from './calls/visitor.ts';
import type { Config } from './config.ts';
import { Graph } from './graph/graph.ts';
import { buildApp } from './http/app.ts';
import { LogObserver, tellAll } from './log-observer.ts';
import { Metrics } from './metrics.ts';
import { periods } from './periods.ts';
import { Schedule } from './schedule/schedule.ts';
import { Standing } from './standing.ts';
import { connectBlocking, connectFast } from './store/connection.ts';
import { EmbeddedRedis } from './store/embedded.ts';
import { EventFeed } from './store/event-feed.ts';
import { QUEUE_PREFIX } from './store/keys.ts';
import { Membership } from './store/membership.ts';
import { MirroredStore } from './store/mirrored-store.ts';
import { RedisCallStore } from './store/redis-store.ts';
import { Roster } from './store/roster.ts';

export interface DaemonOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
  /** The daemon cannot go on; stop it. */
  readonly onFatal: (error: Error) => void;
}

export interface Daemon {
  /** Where it listens, with the port it was given if that was 0. */
  readonly url: string;
  /**
   * Unready at once; then the API is drained, visits in flight are finished or
   * handed to the other replicas, all of it within the configured time.
   */
  stop(): Promise<void>;
}

/** BullMQ blocks for up to 10 s at a time. */
const WORKER_BLOCK_MS = 10_000;

const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
};

/**
 * Builds and starts one replica. Resolves once it listens; Redis may still be
 * missing. What is acquired is released in reverse, also when starting fails.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, version, log, onFatal } = options;
  const { intervalMs, deadlineMs, slots } = config;
  const clock = systemClock;
  const random = Math.random;
  const wheel = { intervalMs, slots };
  const period = periods(intervalMs, deadlineMs);
  const policy = retryPolicy(intervalMs, deadlineMs);
  const replica = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  let stopping = false;

  await using starting = new AsyncDisposableStack();

  let redisUrl = config.redisUrl;
  if (redisUrl === null) {
    const embedded = new EmbeddedRedis(config.dataDir, log);
    starting.defer(() => embedded.stop());
    redisUrl = await embedded.start();
  }
  const connection = { url: redisUrl, timeoutMs: period.redisTimeoutMs, log };
  const redis = connectFast(connection);
  starting.defer(() => redis.disconnect());

  const roster = new Roster(wheel, deadlineMs);
  const metrics: Metrics = new Metrics({
    version,
    wheel,
    deadlineMs,
    clock,
    summary: (now) => roster.summary(now),
    storeUp: () => standing.up,
  });
  const observer = tellAll([metrics, new LogObserver(log)]);
  const inRedis = new RedisCallStore(redis, wheel, (where, err) => {
    metrics.unreadableValue();
    log.warn({ ...where, err }, 'a value in Redis cannot be read; it is skipped');
  });
  const store = new MirroredStore(inRedis, roster);

  const graph = new Graph({
    apps: config.apps,
    connections: config.graphConnections,
    timeouts: period.graph,
    proxy: config.proxy,
    clock,
    random,
    log,
    observer: metrics,
    userAgent: `callkeeper/${version}`,
  });
  starting.defer(() => graph.close());
  const lanes = new Lanes(config.graphConnections);
  const visitor = new Visitor({
    store,
    sender: graph,
    lanes,
    clock,
    random,
    observer,
    wheel,
    deadlineMs,
    policy,
  });

  const feed = new EventFeed({
    redis: connectBlocking(connection, period.heartbeatMs),
    roster,
    clock,
    blockMs: Math.ceil(period.heartbeatMs),
    log,
    onUnreadable: () => metrics.unreadableValue(),
  });
  starting.defer(() => feed.stop());

  const schedule = new Schedule({
    ...period,
    redis,
    connectWorker: () => connectBlocking(connection, WORKER_BLOCK_MS),
    prefix: QUEUE_PREFIX,
    wheel,
    visitor,
    clock,
    log,
    onRepair: (ailment) => metrics.schedulerRepaired(ailment),
  });

  const standing = new Standing({
    redis,
    membership: new Membership({ redis, wheel, replica, believedMs: period.believedMs }),
    wheel,
    heartbeatMs: period.heartbeatMs,
    clock,
    log,
    onJoined: async () => {
      await feed.start();
      const unread = Array.from({ length: slots }, (_, slot) => slot);
      while (unread.length > 0) {
        await Promise.all(unread.splice(0, 16).map((slot) => store.readSlot(slot)));
      }
      schedule.start();
      log.info({ replica, ...wheel, tracked: roster.summary(clock.now()).tracked }, 'in service');
    },
    onRefused: onFatal,
  });
  starting.defer(() => standing.stop());

  const calls = new Calls({
    store,
    visitor,
    first: schedule,
    clock,
    observer,
    apps: new Map(config.apps.map((app) => [app.name, app])),
    defaultApp: config.defaultApp,
    wheel,
    policy,
  });
  const app = await buildApp({
    calls,
    wheel,
    deadlineMs,
    metrics,
    ready: () => {
      const reasons: string[] = [];
      if (stopping) reasons.push('stopping');
      if (!standing.up) reasons.push('Redis does not answer');
      if (!schedule.running) reasons.push('the worker does not run');
      return reasons;
    },
    apiKeys: () => config.apiKeys,
    rateLimit: { max: config.requestsPerSecond, windowMs: 1_000 },
    log,
    version,
  });
  starting.defer(() => app.close());
  const url = await app.listen({ host: config.host, port: config.port });
  standing.start();

  const running = starting.move();
  let stopped: Promise<void> | null = null;
  return {
    url,
    stop: () => {
      stopping = true;
      stopped ??= stopWithin(config.shutdownMs, async (limit) => {
        await app.close();
        await schedule.stop(limit);
        await running.disposeAsync();
      });
      return stopped;
    },
  };
}

async function stopWithin(
  limitMs: number,
  stop: (limit: AbortSignal) => Promise<void>,
): Promise<void> {
  const limit = AbortSignal.timeout(limitMs);
  const cut = new Promise<void>((resolve) => {
    limit.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([stop(limit), cut]);
}
