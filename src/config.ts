import { SLOTS } from './calls/wheel.ts';
import { type AccessConfig, readAccessConfig } from './config/access-variables.ts';
import { type AppsConfig, readAppsConfig, readCloudHosts } from './config/apps-variables.ts';
import { SERVICE_OR_LOOPBACK_URL } from './config/checks.ts';
import { type Env, EnvReader } from './config/env-reader.ts';
import { type Address, readHost, readMetricsAddress } from './config/listen-variables.ts';
import { readProxies } from './config/proxy-variables.ts';
import { type RedisConfig, readRedisConfig } from './config/redis-variables.ts';
import { readTracingConfig, type TracingConfig } from './config/tracing-variables.ts';
import { readTrustedProxies } from './config/trusted-proxies.ts';
import { readWebhookConfig, type WebhookConfig } from './config/webhook-variables.ts';
import type { Proxies } from './graph/connections.ts';
import { LEAST_PLACES } from './limiter/fair-limiter.ts';
import { latestCatchUpMs, periods } from './periods.ts';

export { ConfigError } from './config/env-reader.ts';

/** What one replica is told by its environment. Durations in ms. */
export interface Config extends AppsConfig, AccessConfig, RedisConfig {
  readonly host: string;
  readonly port: number;
  /** Where the metrics are, and then nowhere else; null: at `host` and `port`, with the API. */
  readonly metricsAddress: Address | null;
  readonly dataDir: string;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  /** From the end of an owner's lease until its calls are stopped. */
  readonly ownerGraceMs: number;
  readonly graphConnections: number;
  readonly proxy: Proxies;
  /** null: nobody is told by webhook. Apps may have some at any time where there is APPS_FILE. */
  readonly webhooks: WebhookConfig | null;
  readonly requestsPerSecond: number;
  /** Networks of proxies that may say which client they ask for. */
  readonly trustedProxies: readonly string[];
  readonly logLevel: string;
  readonly shutdownMs: number;
  /** null: no traces. */
  readonly tracing: TracingConfig | null;
  /** How Graph's token on notifications is checked; null: it is not. */
  readonly notificationsJwt: NotificationsJwt | null;
}

export interface NotificationsJwt {
  readonly openIdUrl: string;
  readonly issuers: readonly string[];
  /** null: the client ids of the apps. */
  readonly audiences: readonly string[] | null;
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];
/** Graph ends a call 45 minutes after the last success. https://learn.microsoft.com/graph/api/call-keepalive */
const GRAPH_DEADLINE_MS = 45 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

const GRAPH_ISSUERS = ['https://api.botframework.com', 'https://graph.microsoft.com'];

/**
 * An outage of all replicas is noticed only if it lasts longer than a silent replica counts as
 * living. A shorter, unnoticed one must not use up the grace.
 */
function leastOwnerGraceMs(intervalMs: number): number {
  if (Number.isNaN(intervalMs)) return 0;
  return Math.ceil(periods(intervalMs, 3 * intervalMs).believedMs / 1_000) * 1_000;
}

/**
 * Throws {@link ConfigError} with all that is wrong. Values of secrets are never in a message.
 *
 * @param hasRedisServer whether there is a redis-server that a replica could start
 */
export function readConfig(env: Env, hasRedisServer = () => true): Config {
  const read = new EnvReader(env);
  const intervalMs = read.duration('KEEPALIVE_INTERVAL', '15m', 1_000, GRAPH_DEADLINE_MS);
  const deadlineMs = read.duration('KEEPALIVE_DEADLINE', '45m', 1_000, GRAPH_DEADLINE_MS);
  const isTight = latestCatchUpMs(intervalMs, deadlineMs) >= deadlineMs - intervalMs;
  if (deadlineMs < 1.5 * intervalMs || isTight) {
    read.fault(
      'KEEPALIVE_INTERVAL leaves no room for retries: KEEPALIVE_DEADLINE must be at least 1.5 times as long',
    );
  }
  read.refuse('WHEEL_SLOTS', `the wheel always has ${SLOTS} slots`);
  const host = readHost(read);
  const hosts = readCloudHosts(read);
  const port = read.integer('PORT', 8080, 0, 65_535);
  const config: Config = {
    host,
    port,
    metricsAddress: readMetricsAddress(read, { host, port }),
    ...readRedisConfig(read, hosts),
    dataDir: read.text('DATA_DIR') ?? '.data',
    intervalMs,
    deadlineMs,
    ownerGraceMs: read.duration('OWNER_GRACE', '10m', leastOwnerGraceMs(intervalMs), DAY_MS),
    graphConnections: read.integer('GRAPH_CONNECTIONS', 64, LEAST_PLACES, 1_024),
    proxy: readProxies(read),
    ...readAppsConfig(read, hosts),
    ...readAccessConfig(read, host, hosts),
    webhooks: readWebhookConfig(read),
    requestsPerSecond: read.integer('RATE_LIMIT', 1_000, 1, 1_000_000),
    trustedProxies: readTrustedProxies(read),
    logLevel: read.oneOf('LOG_LEVEL', LEVELS, 'info'),
    shutdownMs: read.duration('SHUTDOWN_TIMEOUT', '25s', 100, 600_000),
    notificationsJwt: readNotificationsJwt(read),
    tracing: readTracingConfig(read),
  };
  if (!read.isGiven('REDIS_URL') && !hasRedisServer()) {
    read.fault(
      'REDIS_URL is not set, and there is no redis-server on the PATH for a replica to start: set REDIS_URL',
    );
  }
  read.throwFaults();
  return Object.freeze(config);
}

/** Defaults: https://learn.microsoft.com/microsoftteams/platform/bots/calls-and-meetings/call-notifications */
function readNotificationsJwt(read: EnvReader): NotificationsJwt | null {
  const mode = read.oneOf('NOTIFICATIONS_JWT', ['off', 'required'], 'off');
  const openIdUrl = read.url(
    'NOTIFICATIONS_OPENID_URL',
    'https://api.aps.skype.com/v1/.well-known/OpenIdConfiguration',
    SERVICE_OR_LOOPBACK_URL,
  );
  const issuers = read.list('NOTIFICATIONS_ISSUERS');
  const audiences = read.list('NOTIFICATIONS_AUDIENCES');
  if (mode === 'off') return null;
  return {
    openIdUrl,
    issuers: issuers.length > 0 ? issuers : GRAPH_ISSUERS,
    audiences: audiences.length > 0 ? audiences : null,
  };
}
