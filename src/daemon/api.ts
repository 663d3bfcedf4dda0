import type { FastifyInstance } from 'fastify';
import type { Authenticator } from '../access/authenticator.ts';
import type { Calls } from '../calls/calls.ts';
import type { Owner, OwnerRecord } from '../calls/owner.ts';
import { buildApp, buildMetricsApp } from '../http/app.ts';
import { trustNetworks } from '../http/client-address.ts';
import { presentOwner } from '../http/owner-resource.ts';
import type { AdmitNotifications } from '../http/routes/notifications.ts';
import type { MetricsSources } from '../metrics/readings.ts';
import type { Owners } from '../owners/owners.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { Census } from '../store/census.ts';
import type { Diaries } from '../store/diaries.ts';
import type { StreamedEventLog } from '../store/event-log.ts';
import { LocalOverviews } from '../store/overviews.ts';
import type { RedisLink } from '../store/redis-link.ts';
import type { Registry } from '../store/registry.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Apps } from './apps.ts';
import type { Context } from './context.ts';
import { Readiness } from './readiness.ts';
import type { Turns } from './turns.ts';

export interface ApiNeeds {
  readonly apps: Apps;
  readonly link: RedisLink;
  readonly registry: Registry;
  readonly census: Census;
  readonly diaries: Diaries;
  readonly calls: Calls;
  readonly owners: Owners;
  readonly describeOwner: (record: OwnerRecord) => Owner;
  readonly eventLog: StreamedEventLog;
  readonly schedule: Schedule;
  readonly turns: Turns;
  readonly countOwners: MetricsSources['owners'];
  readonly access: Authenticator;
  readonly admitNotifications: AdmitNotifications | null;
  readonly tracing: Pick<Tracing, 'plugin'> | null;
}

/** A client that is slow to take its answer must not cost the other parts their time to stop. */
const MAX_DRAIN_MS = 5_000;

/** The API, and the listener of its own for metrics if METRICS_ADDRESS asks for one. */
export async function openApi(context: Context, needs: ApiNeeds) {
  const { config } = context;
  await using opening = new AsyncDisposableStack();
  feedMetrics(context, needs);
  const readiness = new Readiness(needs);
  const app = await buildApi(context, needs, readiness);
  opening.defer(() => app.close());
  const metricsApp = config.metricsAddress && (await buildMetrics(context, readiness));
  opening.defer(async () => metricsApp?.close());
  const opened = opening.move();
  return {
    /** Resolves with the addresses, in which a port of 0 is replaced by the one in use. */
    listen: async () => {
      const { host, port, metricsAddress } = config;
      const metricsUrl =
        metricsApp && (await listen(metricsApp, { ...metricsAddress }, 'METRICS_ADDRESS'));
      return { url: await listen(app, { host, port }, 'HOST and PORT'), metricsUrl };
    },
    refuse: () => readiness.stop(),
    /** Accepts no more requests, and finishes those in flight within half of the time to stop. */
    drain: async () => {
      const drainMs = Math.min(MAX_DRAIN_MS, config.shutdownMs / 2);
      const cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
      await app.close().finally(() => clearTimeout(cut));
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function feedMetrics({ metrics }: Context, needs: ApiNeeds): void {
  const { apps, census, countOwners, link, schedule } = needs;
  metrics.use({
    apps: () => apps.current().apps,
    summaries: (now) => census.summaries(now),
    owners: countOwners,
    storeUp: () => link.up,
    turning: () => schedule.running,
  });
}

function buildApi(
  context: Context,
  needs: ApiNeeds,
  readiness: Readiness,
): Promise<FastifyInstance> {
  const { config, metrics } = context;
  const { access, eventLog, describeOwner, tracing } = needs;
  return buildApp({
    ...context,
    ...needs,
    presentOwner: (record) => presentOwner(describeOwner(record)),
    events: eventLog,
    overviews: new LocalOverviews({ ...context, ...needs }),
    metrics: config.metricsAddress ? null : metrics,
    ready: () => readiness.reasons(),
    identify: (authorization) => access.identify(authorization),
    onDenied: (denial) => metrics.requestDenied(denial),
    loopbackOnly: config.loopbackOnly,
    trustsProxy: trustNetworks(config.trustedProxies),
    tracing: tracing?.plugin ?? null,
    onAnswered: (status) => metrics.answered(status),
    onConnectionDropped: (reason) => metrics.connectionDropped(reason),
    rateLimit: { max: config.requestsPerSecond, windowMs: 1_000 },
  });
}

function buildMetrics(context: Context, readiness: Readiness): Promise<FastifyInstance> {
  const { metrics } = context;
  return buildMetricsApp({
    ...context,
    ready: () => readiness.reasons(),
    onConnectionDropped: (reason) => metrics.connectionDropped(reason),
  });
}

async function listen(
  app: FastifyInstance,
  address: { readonly host?: string; readonly port?: number },
  variable: string,
): Promise<string> {
  try {
    return await app.listen(address);
  } catch (cause) {
    throw new Error(`${variable}: ${(cause as Error).message}`, { cause });
  }
}
