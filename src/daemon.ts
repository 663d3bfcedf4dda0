import { openAccess } from './daemon/access.ts';
import { openApi } from './daemon/api.ts';
import { Apps } from './daemon/apps.ts';
import { openCalls } from './daemon/calls.ts';
import { createContext, type DaemonOptions } from './daemon/context.ts';
import { openDiaries } from './daemon/diaries.ts';
import { openEvents } from './daemon/events.ts';
import { openGraph } from './daemon/graph.ts';
import { openKeeper } from './daemon/keeper.ts';
import { openNotifications } from './daemon/notifications.ts';
import { openOwners } from './daemon/owners.ts';
import { openRecovery } from './daemon/recovery.ts';
import { openRedis } from './daemon/redis.ts';
import { openRegistry } from './daemon/registry.ts';
import { openSchedule } from './daemon/schedule.ts';
import { Shutdown } from './daemon/shutdown.ts';
import { openTracing } from './daemon/tracing.ts';
import { openWebhooks } from './daemon/webhooks.ts';

export interface Daemon {
  /** Where it listens; a port of 0 is replaced by the one in use. */
  readonly url: string;
  /** null: the API serves the metrics. */
  readonly metricsUrl: string | null;
  /** Reads APPS_FILE, ACCESS_FILE and REDIS_URL_FILE again, and logs the result. */
  reloadFiles(): Promise<void>;
  /** See {@link Shutdown}. */
  stop(): Promise<void>;
}

/**
 * Builds and starts one replica. Resolves once it listens; Redis may still be missing.
 *
 * Each part needs those before it, so they are disposed of in reverse, also if the start fails.
 * They start in the same order, but only when all are made and the API listens: if its port is in
 * use, the start fails before anything has happened.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const context = createContext(options);
  await using starting = new AsyncDisposableStack();
  const tracing = starting.use(await openTracing(context));
  const redis = starting.use(await openRedis(context));
  const registry = openRegistry(context, redis);
  const diaries = starting.use(openDiaries(context, { ...redis, ...registry }));
  const graph = starting.use(openGraph(context));
  const apps = starting.use(new Apps(context, graph));
  const keeper = openKeeper(context, { ...registry, ...graph, tracing });
  const calls = openCalls(context, { ...registry, ...keeper, apps });
  const owners = openOwners(context, { ...redis, ...registry, ...calls, apps });
  const events = starting.use(openEvents(context, { ...redis, ...registry, ...keeper, ...owners }));
  const schedule = openSchedule(context, { ...redis, ...registry, ...keeper, tracing });
  const recovery = openRecovery(context, {
    ...redis,
    ...registry,
    ...events,
    ...schedule,
    ...diaries,
  });
  const webhooks = starting.use(
    openWebhooks(context, { ...redis, ...calls, ...owners, ...events }),
  );
  const access = starting.use(openAccess(context, graph));
  const admitNotifications = openNotifications(context, { ...graph, apps });
  const served = {
    ...redis,
    ...registry,
    ...diaries,
    ...calls,
    ...owners,
    ...events,
    ...schedule,
  };
  const api = starting.use(
    await openApi(context, { ...served, ...access, apps, admitNotifications, tracing }),
  );
  const { url, metricsUrl } = await api.listen();
  for (const part of [redis, schedule, owners, apps, access, webhooks]) part?.start();
  const shutdown = new Shutdown(context, {
    ...registry,
    ...keeper,
    ...schedule,
    api,
    owners,
    webhooks,
    recovery,
    redis,
    parts: starting.move(),
  });
  return {
    url,
    metricsUrl,
    reloadFiles: async () => {
      await Promise.all([apps.reload(), access.reload(), redis.reload()]);
    },
    stop: () => shutdown.stop(),
  };
}
