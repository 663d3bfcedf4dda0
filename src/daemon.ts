import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Calls } from './calls/calls.ts';
import type { OwnerRecord } from './calls/owner.ts';
import { retryPolicy } from './calls/retry.ts';
import { SLOTS } from './calls/wheel.ts';
import { RefereedClock } from './clock.ts';
import type { Config } from './config.ts';
import { configureAccess } from './daemon/access.ts';
import { configureApps } from './daemon/apps.ts';
import { buildKeeper } from './daemon/keeper.ts';
import { buildOwners } from './daemon/owners.ts';
import { Readiness } from './daemon/readiness.ts';
import { Recovery } from './daemon/recovery.ts';
import { buildRedisAccess } from './daemon/redis.ts';
import { buildRegistry } from './daemon/registry.ts';
import { Turns } from './daemon/turns.ts';
import { buildWebhooks } from './daemon/webhooks.ts';
import { Graph } from './graph/graph.ts';
import { buildApp, buildMetricsApp } from './http/app.ts';
import { callPresenter } from './http/call-resource.ts';
import { trustNetworks } from './http/client-address.ts';
import { eventPresenter } from './http/event-resource.ts';
import { presentOwner } from './http/owner-resource.ts';
import { LogObserver, tellAll } from './log-observer.ts';
import { Metrics } from './metrics/metrics.ts';
import { admit } from './notifications/admission.ts';
import { GraphTokenVerifier } from './notifications/graph-token.ts';
import { LocalOverviews } from './overviews.ts';
import { periods } from './periods.ts';
import { Schedule } from './schedule/schedule.ts';
import { Watch } from './schedule/watch.ts';
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
import { RedisLink } from './store/redis-link.ts';
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
  /** Reads APPS_FILE, ACCESS_FILE and REDIS_URL_FILE again, if there are any, and logs the result. */
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

  await using starting = new AsyncDisposableStack();

  const tracing =
    config.tracing && (await startTracing({ ...config.tracing, version, replica, log }));
  starting.defer(() => tracing?.stop());

  const embedded = config.redisUrl === null ? new EmbeddedRedis(config.dataDir, log) : null;
  starting.defer(() => embedded?.stop());
  const redisUrl = config.redisUrl ?? (await embedded?.start()) ?? '';
  const watched = { pollMs: period.filesPollMs, clock, log };
  const redisAccess = buildRedisAccess({
    config,
    timeouts: period.graph,
    clock,
    random,
    userAgent,
    metrics: () => metrics,
    watched,
    log,
  });
  starting.defer(() => redisAccess.stop());
  const connection = {
    url: redisUrl,
    credentials: redisAccess.credentials,
    tlsServername: config.redisTlsServername,
    timeoutMs: period.redisTimeoutMs,
    log,
  };
  const redis = connectFast(connection);
  starting.defer(() => redis.disconnect());
  // BullMQ adds its scripts to what it is given, and each pipeline pays for all scripts there are.
  const forQueues = connectFast(connection);
  starting.defer(() => forQueues.disconnect());
  const servers = new Servers({ redis, connection });

  const { local, shared, registry, slots, census, owned } = buildRegistry({
    redis,
    hasWebhooks: config.webhooks !== null,
    wheel,
    deadlineMs,
    skewMs: period.skewMs,
    clock,
    isUp: () => link.up,
    observer: () => observer,
    onLost: (calls) => recovery.noteLoss(calls),
    metrics: () => metrics,
    log,
  });
  const metrics: Metrics = new Metrics({
    version,
    wheel,
    deadlineMs,
    clock,
    apps: () => configured().apps,
    summaries: (now) => census.summaries(now),
    owners: () => owners.count(),
    storeUp: () => link.up,
    turning: () => schedule.running,
  });
  const logObserver = new LogObserver(log);
  const observer = tellAll([metrics, logObserver]);
  const owners = buildOwners({
    ...period,
    redis,
    hasWebhooks: config.webhooks !== null,
    replica,
    membership: () => membership,
    calls: registry,
    owned,
    isUp: () => link.up,
    clock,
    graceMs: config.ownerGraceMs,
    intervalMs,
    observer: () => logObserver,
    onUnreadable: (owner, err) => {
      metrics.unreadableValue();
      log.warn({ owner, err }, 'an owner in Redis cannot be read; it is skipped');
    },
    onFatal,
    log,
  });
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
      requestDone: (outcome, durationMs, app) => {
        metrics.requestDone(outcome, durationMs, app);
        shares.count();
      },
      tokenRequested: (outcome, app) => metrics.tokenRequested(outcome, app),
    },
    userAgent,
    reserveMs: policy.reserveMs,
  });
  starting.defer(() => graph.close());
  const { configured, watch: appsWatch } = configureApps({ config, graph, metrics, watched });
  starting.defer(() => appsWatch?.stop());
  const { keeper, timings, visitor } = buildKeeper({
    graph,
    connections: config.graphConnections,
    registry,
    slots,
    observer,
    clock,
    random,
    wheel,
    deadlineMs,
    period,
    tracing,
    log,
    onFatal,
  });

  const eventLog = new StreamedEventLog({ redis, clock });
  const feed = new EventFeed({
    read: redis,
    block: connectBlocking(connection, period.heartbeatMs),
    local,
    owners: owners.local,
    eventLog,
    clock,
    blockMs: Math.ceil(period.heartbeatMs),
    log,
    // Its first keepAlive is made by whoever took it, unless that replica dies or stops first.
    onTracked: (call) => keeper.plan([call], period.retryGraceMs),
    onUnreadable: () => metrics.unreadableValue(),
  });
  starting.defer(() => feed.stop());

  const schedule = new Schedule({
    ...period,
    redis: forQueues,
    connectWorker: () => connectWorker(connection, WORKER_BLOCK_MS),
    prefix: QUEUE_PREFIX,
    wheel,
    visitor,
    clock,
    log,
    onRepair: (ailment) => metrics.schedulerRepaired(ailment),
    onWorkerReplaced: () => metrics.workerReplaced(),
    telemetry: tracing?.telemetry ?? null,
  });

  const watch = new Watch({
    wheel,
    timings,
    clock,
    graceMs: period.watchGraceMs,
    slots,
    visitor,
    lock: async (slot) =>
      !link.up || (await shared.tryLock(slot, 2 * period.graph.totalMs).catch(() => true)),
    // Without Redis nobody else is known to have planned anything.
    retryGraceMs: () => (link.up ? period.retryGraceMs : 0),
    log,
    onFatal,
    keeper,
    onMissed: (slot, turnAt, calls) => {
      if (!link.up) return;
      metrics.missedTurn();
      log.warn({ slot, turnAt, calls }, 'a slot was not visited in its turn: the watch does it');
    },
  });

  const membership: Membership = new Membership({
    redis,
    intervalMs,
    replica,
    believedMs: period.believedMs,
    onClock: (redisMs, sentAt, receivedAt) => clock.setBy(redisMs, sentAt, receivedAt),
  });
  const link: RedisLink = new RedisLink({
    servers,
    membership,
    intervalMs,
    heartbeatMs: period.heartbeatMs,
    graceMs: period.outGraceMs,
    clock,
    log,
    onFatal,
  });
  const recovery: Recovery = new Recovery({
    registry,
    feed,
    watch,
    metrics,
    wheel,
    rememberMs: 2 * deadlineMs,
    replica,
    clock,
    log,
    onFatal,
  });
  recovery.follow(link);
  link.on('beat', () =>
    shares.exchange().catch((err) => log.debug({ err }, 'no shares exchanged')),
  );
  new Turns({ schedule, clock, period, log }).follow(link);
  const readiness = new Readiness({ link, schedule });
  starting.defer(() => link.stop());

  const targets = new Targets({
    ...(config.webhooks ?? { hosts: [], defaultUrl: null, secrets: [] }),
    webhookOf: (app) => configured().apps.get(app)?.webhook ?? null,
  });
  const presentOwnerRecord = (record: OwnerRecord) => presentOwner(owners.describe(record));
  const presentEvent = eventPresenter(callPresenter(wheel, deadlineMs), presentOwnerRecord);
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
      isUp: () => link.up,
      metrics,
      userAgent,
      clock,
      random,
      log,
    });
  starting.defer(() => webhooks?.stop(AbortSignal.abort()));

  const calls = new Calls({
    registry,
    keeper,
    observer,
    clock,
    random,
    configured,
    reach: null,
    webhookFault: (webhookUrl, app) => targets.faultOf(webhookUrl, app),
    slots: SLOTS,
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
  const ready = () => readiness.reasons();
  const onConnectionDropped = (reason: string) => metrics.connectionDropped(reason);
  const app = await buildApp({
    calls,
    owners: owners.serve(calls, configured),
    presentOwner: presentOwnerRecord,
    events: eventLog,
    overviews: new LocalOverviews({ census, registry, shares, link, deadlineMs, clock }),
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
    trustsProxy: trustNetworks(config.trustedProxies),
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
  void redisAccess.start().then(() => link.start());
  watch.start();
  owners.watch.start();
  appsWatch?.start();
  accessWatch?.start();
  webhooks?.start();

  const running = starting.move();
  let stopped: Promise<void> | null = null;
  return {
    url,
    metricsUrl,
    reloadFiles: async () => {
      await Promise.all([appsWatch?.reload(), accessWatch?.reload(), redisAccess.reload()]);
    },
    stop: () => {
      readiness.stop();
      stopped ??= stopWithin(config.shutdownMs, async (limit) => {
        // Clients that are slow must not cost the others the hand-over.
        const drainMs = Math.min(5_000, config.shutdownMs / 2);
        const draining = setTimeout(() => app.server.closeAllConnections(), drainMs);
        // Where Redis is out there is nobody to hand visits to.
        const handOver = AbortSignal.any([limit, link.out]);
        const waiting = keeper.close();
        const apiClosed = app.close().finally(() => clearTimeout(draining));
        // Calls that are tracked while the API is drained come too late for this replica.
        const last = () => apiClosed.then(() => schedule.handOver(keeper.refused()));
        const parts = await Promise.allSettled([
          apiClosed,
          schedule.handOver(waiting).then(() => schedule.stop(handOver, last)),
          watch.stop(),
          owners.watch.stop(),
          keeper.settled(),
          webhooks?.stop(handOver),
        ]);
        // One part that fails must not cost the others what is yet to be written.
        for (const part of parts) {
          if (part.status === 'rejected') log.error({ err: part.reason }, 'a part did not stop');
        }
        // One of our own is being started again; any other may never come back.
        if (embedded && registry.unacknowledged > 0) await untilAnswers(redis, limit);
        await recovery.saveLast();
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

/** Nothing of OpenTelemetry is loaded where no traces are wanted. */
async function startTracing(options: TracingOptions): Promise<Tracing> {
  return (await import('./tracing/tracing.ts')).startTracing(options);
}

function cannotListen(variable: string): (cause: Error) => never {
  return (cause) => {
    throw new Error(`${variable}: ${cause.message}`, { cause });
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
