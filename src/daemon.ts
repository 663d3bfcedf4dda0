import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Calls } from './calls/calls.ts';
import { Lanes } from './calls/lanes.ts';
import { OwnFirst } from './calls/own-first.ts';
import type { Entry, Observer } from './calls/ports.ts';
import { retryPolicy } from './calls/retry.ts';
import { Visitor, type VisitorDeps, type Visits } from './calls/visitor.ts';
import { SLOTS } from './calls/wheel.ts';
import { RefereedClock } from './clock.ts';
import type { Config } from './config.ts';
import { configureAccess } from './daemon/access.ts';
import { configureApps } from './daemon/apps.ts';
import { buildWebhooks } from './daemon/webhooks.ts';
import { Graph } from './graph/graph.ts';
import { buildApp, buildMetricsApp } from './http/app.ts';
import { callPresenter } from './http/call-resource.ts';
import { eventPresenter } from './http/event-resource.ts';
import { LogObserver, tellAll } from './log-observer.ts';
import { Metrics } from './metrics.ts';
import { admit } from './notifications/admission.ts';
import { GraphTokenVerifier } from './notifications/graph-token.ts';
import { RosterOverviews } from './overviews.ts';
import { periods } from './periods.ts';
import { Schedule } from './schedule/schedule.ts';
import { Watch } from './schedule/watch.ts';
import { Standing } from './standing.ts';
import {
  connectBlocking,
  connectFast,
  connectWorker,
  type RedisClient,
} from './store/connection.ts';
import { EmbeddedRedis } from './store/embedded.ts';
import { EventFeed } from './store/event-feed.ts';
import { StreamedEventLog } from './store/event-log.ts';
import { QUEUE_PREFIX } from './store/keys.ts';
import { Membership } from './store/membership.ts';
import { MirroredStore } from './store/mirrored-store.ts';
import { reconcile } from './store/reconcile.ts';
import { RedisCallStore } from './store/redis-store.ts';
import { Roster } from './store/roster.ts';
import { Servers } from './store/servers.ts';
import { Shares } from './store/shares.ts';
import type { Tracing, TracingOptions } from './tracing/tracing.ts';
import { Targets } from './webhooks/targets.ts';

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
  /** Where the metrics are, where that is a listener of their own. */
  readonly metricsUrl: string | null;
  /** Reads APPS_FILE and ACCESS_FILE again, where there are any; what comes of it is in the log. */
  reloadFiles(): Promise<void>;
  /**
   * Unready at once; then the API is drained, visits in flight are finished or
   * handed to the other replicas, all of it within the configured time.
   */
  stop(): Promise<void>;
}

/** BullMQ blocks for up to 10 s at a time. */
const WORKER_BLOCK_MS = 10_000;

/**
 * Builds and starts one replica. Resolves once it listens; Redis may still be
 * missing. What is acquired is released in reverse, also when starting fails.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, version, log, onFatal } = options;
  const { intervalMs, deadlineMs } = config;
  const random = Math.random;
  const wheel = { intervalMs, slots: SLOTS };
  const period = periods(intervalMs, deadlineMs);
  const clock = new RefereedClock(period.skewMs, deadlineMs);
  const policy = retryPolicy(intervalMs, deadlineMs);
  const replica = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const userAgent = `callkeeper/${version}`;
  let stopping = false;

  await using starting = new AsyncDisposableStack();

  const tracing =
    config.tracing && (await startTracing({ ...config.tracing, version, replica, log }));
  starting.defer(() => tracing?.stop());

  const embedded = config.redisUrl === null ? new EmbeddedRedis(config.dataDir, log) : null;
  starting.defer(() => embedded?.stop());
  const redisUrl = config.redisUrl ?? (await embedded?.start()) ?? '';
  const connection = { url: redisUrl, timeoutMs: period.redisTimeoutMs, log };
  const redis = connectFast(connection);
  starting.defer(() => redis.disconnect());
  // BullMQ adds its scripts to what it is given, and each pipeline pays for all scripts there are.
  const forQueues = connectFast(connection);
  starting.defer(() => forQueues.disconnect());
  const servers = new Servers({ redis, connection, slots: SLOTS });

  const roster = new Roster({
    wheel,
    deadlineMs,
    mostCalls: config.rosterMaxCalls,
    onUnheld: (unheld) => {
      if (unheld === 0) log.info('the roster has room for all calls again');
      else log.warn('the roster is full (ROSTER_MAX_CALLS): without Redis some calls are not kept');
    },
  });
  const metrics: Metrics = new Metrics({
    version,
    wheel,
    deadlineMs,
    clock,
    summary: (now) => roster.summary(now),
    storeUp: () => standing.up && standing.outSlots.size === 0,
    turning: () => schedule.running,
  });
  const observer = tellAll([metrics, new LogObserver(log)]);
  // What leaves the schedule while Redis is out is told of when Redis knows, by one replica.
  const ownObserver: Observer = {
    ...observer,
    removed: ({ id, removal }) => log.debug({ call: id, removal }, 'call left the schedule here'),
  };
  const inRedis = new RedisCallStore(redis, wheel, (where, err) => {
    metrics.unreadableValue();
    log.warn({ ...where, err }, 'a value in Redis cannot be read; it is skipped');
  });
  const store = new MirroredStore(inRedis, roster);

  const shares = new Shares({
    redis,
    replica,
    version,
    windowMs: intervalMs,
    believedMs: period.believedMs,
    elapsedMs: () => performance.now(),
  });

  const graph = new Graph({
    apps: config.apps,
    connections: config.graphConnections,
    timeouts: period.graph,
    proxy: config.proxy,
    clock,
    random,
    log,
    observer: {
      requestDone: (outcome, durationMs) => {
        metrics.requestDone(outcome, durationMs);
        shares.count();
      },
      tokenRequested: (outcome) => metrics.tokenRequested(outcome),
    },
    userAgent,
  });
  starting.defer(() => graph.close());
  const watched = { pollMs: period.filesPollMs, clock, log };
  const { configured, watch: appsWatch } = configureApps({ config, graph, metrics, watched });
  starting.defer(() => appsWatch?.stop());
  const lanes = new Lanes(config.graphConnections);
  const visiting = {
    sender: tracing ? tracing.sender(graph) : graph,
    lanes,
    clock,
    random,
    observer,
    wheel,
    deadlineMs,
    policy,
    skewMs: period.skewMs,
    isOutdated: (entry: Entry) => roster.isOutdated(entry),
    underWay: new Set<string>(),
  };
  const visits = (deps: VisitorDeps): Visits =>
    tracing ? tracing.visits(new Visitor(deps)) : new Visitor(deps);
  const visitor = visits({ ...visiting, store });
  const ownVisitor = visits({ ...visiting, store: roster, observer: ownObserver });
  const ownFirst = new OwnFirst(ownVisitor, wheel, clock);
  const sharedFirst = new OwnFirst(visitor, wheel, clock);

  const eventLog = new StreamedEventLog({ redis, clock });
  const feed = new EventFeed({
    read: redis,
    block: connectBlocking(connection, period.heartbeatMs),
    roster,
    eventLog,
    clock,
    blockMs: Math.ceil(period.heartbeatMs),
    log,
    onUnreadable: () => metrics.unreadableValue(),
  });
  starting.defer(() => feed.stop());

  const schedule = new Schedule({
    ...period,
    redis: forQueues,
    connectWorker: () => connectWorker(connection, WORKER_BLOCK_MS),
    prefix: QUEUE_PREFIX,
    wheel,
    deadlineMs,
    visitor,
    clock,
    log,
    onRepair: (ailment) => metrics.schedulerRepaired(ailment),
    onWorkerReplaced: () => metrics.workerReplaced(),
    telemetry: tracing?.telemetry ?? null,
  });

  const inShared = {
    store,
    visitor,
    lock: (slot: number) => inRedis.tryLock(slot, 2 * period.graph.totalMs),
    unlock: (slot: number, key: string) => inRedis.unlock(slot, key),
    retryGraceMs: period.retryGraceMs,
  };
  const inOwn = {
    store: roster,
    visitor: ownVisitor,
    lock: () => Promise.resolve('own'),
    unlock: () => Promise.resolve(),
    retryGraceMs: 0,
  };
  const watch = new Watch({
    wheel,
    deadlineMs,
    skewMs: period.skewMs,
    clock,
    graceMs: period.watchGraceMs,
    log,
    watched: (slot) => (standing.up && !standing.outSlots.has(slot) ? [inShared, inOwn] : [inOwn]),
    onMissed: (slot, turnAt, calls) => {
      if (!standing.up || standing.outSlots.has(slot)) return;
      metrics.missedTurn();
      log.warn({ slot, turnAt, calls }, 'a slot was not visited in its turn: the watch does it');
    },
  });

  const standing: Standing = new Standing({
    redis,
    servers,
    membership: new Membership({
      redis,
      intervalMs,
      replica,
      believedMs: period.believedMs,
      onClock: (redisMs, sentAt, receivedAt) => clock.setBy(redisMs, sentAt, receivedAt),
    }),
    wheel,
    heartbeatMs: period.heartbeatMs,
    graceMs: period.outGraceMs,
    clock,
    log,
    unsavedSlots: () => roster.unsavedSlots,
    onBack: async (due, { isFirst, isAnew }) => {
      if (isAnew) await feed.follow();
      const merged = await reconcile(inRedis, roster, due, clock);
      const { updated, restored, left, unreadable } = merged;
      for (const call of left) observer.removed(call);
      if (unreadable.length > 0) log.error({ slots: unreadable }, 'keys in Redis are not ours');
      metrics.callsWrittenBack(restored);
      // A visit that found a slot empty meanwhile has taken its turn for made.
      if (restored > 0) watch.lookSoon();
      const { tracked } = roster;
      log.info({ replica, ...wheel, tracked, updated, restored, isFirst }, 'in step with Redis');
      return restored > 0;
    },
    onAnswer: async () => {
      await shares.exchange().catch((err) => log.debug({ err }, 'no shares exchanged'));
      if (Math.abs(clock.machineAheadMs()) <= period.skewMs) {
        await schedule.resume();
        schedule.replaceIfDeaf(period.deafMs);
      } else if (schedule.running) {
        log.error(
          { aheadMs: clock.machineAheadMs() },
          "this machine's clock is wrong by Redis's: turns are left to others, and to the watch",
        );
        await schedule.suspend(AbortSignal.timeout(period.lockMs));
      }
    },
    onOut: async () => {
      watch.lookSoon();
      await schedule.suspend(AbortSignal.timeout(period.outGraceMs));
    },
    onRefused: onFatal,
  });
  starting.defer(() => standing.stop());

  const targets = new Targets({
    ...(config.webhooks ?? { hosts: [], defaultUrl: null, secrets: [] }),
    webhookOf: (app) => configured().apps.get(app)?.webhook ?? null,
  });
  const presentEvent = eventPresenter(callPresenter(wheel, deadlineMs));
  const webhooks =
    config.webhooks &&
    buildWebhooks({
      webhooks: config.webhooks,
      redis,
      forQueues,
      connectWorker: () => connectWorker(connection, WORKER_BLOCK_MS),
      replica,
      period,
      targets,
      render: (event) => JSON.stringify(presentEvent(event)),
      changed: (signal) => eventLog.changed(signal),
      isUp: () => standing.up,
      metrics,
      userAgent,
      clock,
      random,
      log,
    });
  starting.defer(() => webhooks?.stop(AbortSignal.abort()));

  const calls = new Calls({
    shared: {
      store,
      visitor,
      first: { request: (fresh) => (schedule.running ? schedule : sharedFirst).request(fresh) },
      observer,
    },
    own: {
      store: roster,
      visitor: ownVisitor,
      first: ownFirst,
      observer: ownObserver,
    },
    isUnsaved: (id) => roster.isUnsaved(id),
    clock,
    random,
    configured,
    reach: null,
    webhookFault: (webhookUrl, app) => targets.faultOf(webhookUrl, app),
    wheel,
    policy,
  });
  const jwt = config.notificationsJwt;
  const tokens = {
    fetch: (target: string, init: RequestInit) => graph.fetch(target, init),
    timeoutMs: period.graph.connectMs,
    now: () => clock.now(),
  };
  const verifier =
    jwt &&
    new GraphTokenVerifier({
      ...jwt,
      ...tokens,
      audiences: () => jwt.audiences ?? [...configured().apps.values()].map((one) => one.clientId),
    });
  const { access, watch: accessWatch } = configureAccess({ config, metrics, tokens, watched });
  starting.defer(() => accessWatch?.stop());
  const ready = () => {
    const reasons: string[] = [];
    if (stopping) reasons.push('stopping');
    if (!standing.up) reasons.push('Redis does not answer');
    const { size: out } = standing.outSlots;
    if (standing.up && out > 0) reasons.push(`Redis does not serve ${out} of ${SLOTS} slots`);
    if (!schedule.running) reasons.push('the worker does not run');
    return reasons;
  };
  const onConnectionDropped = (reason: string) => metrics.connectionDropped(reason);
  const app = await buildApp({
    calls,
    events: eventLog,
    overviews: new RosterOverviews({ roster, shares, standing: () => standing, deadlineMs, clock }),
    admitNotifications:
      verifier &&
      ((authorization, named) => admit({ ...configured(), verifier }, authorization, named)),
    wheel,
    deadlineMs,
    metrics: config.metricsAddress ? null : metrics,
    ready,
    identify: (authorization) => access.identify(authorization),
    onDenied: (denial) => metrics.requestDenied(denial),
    loopbackOnly: config.loopbackOnly,
    tracing: tracing?.plugin ?? null,
    onAnswered: (status) => metrics.answered(status),
    onConnectionDropped,
    rateLimit: { max: config.requestsPerSecond, windowMs: 1_000 },
    log,
    version,
  });
  starting.defer(() => app.close());
  const metricsApp =
    config.metricsAddress && (await buildMetricsApp({ metrics, ready, onConnectionDropped, log }));
  starting.defer(() => metricsApp?.close());
  const { host, port, metricsAddress } = config;
  const metricsUrl =
    metricsApp &&
    (await metricsApp.listen({ ...metricsAddress }).catch(cannotListen('METRICS_ADDRESS')));
  const url = await app.listen({ host, port }).catch(cannotListen('HOST and PORT'));
  standing.start();
  watch.start();
  appsWatch?.start();
  accessWatch?.start();
  webhooks?.start();

  const running = starting.move();
  let stopped: Promise<void> | null = null;
  return {
    url,
    metricsUrl,
    reloadFiles: async () => {
      await Promise.all([appsWatch?.reload(), accessWatch?.reload()]);
    },
    stop: () => {
      stopping = true;
      stopped ??= stopWithin(config.shutdownMs, async (limit) => {
        // Clients that are slow must not cost the others the hand-over.
        const drainMs = Math.min(5_000, config.shutdownMs / 2);
        const draining = setTimeout(() => app.server.closeAllConnections(), drainMs);
        // Where Redis is out there is nobody to hand visits to.
        const handOver = AbortSignal.any([limit, standing.out]);
        await Promise.all([
          app.close().finally(() => clearTimeout(draining)),
          schedule.stop(handOver),
          watch.stop(),
          ownFirst.stop(),
          sharedFirst.stop(),
          webhooks?.stop(handOver),
        ]);
        if (roster.hasUnsaved) {
          // One of our own is being started again; any other may never come back.
          if (embedded) await untilAnswers(redis, limit);
          const served = roster.unsavedSlots.filter((slot) => !standing.outSlots.has(slot));
          await saveLast(() => reconcile(inRedis, roster, served, clock), roster, log);
        }
        await inRedis.told();
        await running.disposeAsync();
      });
      return stopped;
    },
  };
}

async function untilAnswers(redis: RedisClient, limit: AbortSignal): Promise<void> {
  while (!limit.aborted && !(await redis.ping().then(Boolean, () => false))) {
    await sleep(100, undefined, { signal: limit }).catch(() => undefined);
  }
}

/** What this replica alone knows is lost with it, unless Redis takes it now. */
async function saveLast(save: () => Promise<unknown>, roster: Roster, log: Logger): Promise<void> {
  const err = await save().then(() => null, toError);
  if (err === null && !roster.hasUnsaved) return;
  log.error(
    { err },
    'Redis is out: what was tracked or stopped meanwhile is lost with this replica',
  );
}

/** Nothing of OpenTelemetry is loaded where no traces are wanted. */
async function startTracing(options: TracingOptions): Promise<Tracing> {
  return (await import('./tracing/tracing.ts')).startTracing(options);
}

function cannotListen(variable: string): (cause: Error) => never {
  return (cause) => {
    throw new Error(`${variable}: ${cause.message}`, { cause });
  };
}

const toError = (error: unknown) => error;

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
