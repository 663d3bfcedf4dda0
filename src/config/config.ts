import { durationsFor, latestCatchUpMs } from '../calls/durations.ts';
import { SLOTS } from '../calls/wheel.ts';
import { durationText } from '../calls/wording.ts';
import type { Proxies } from '../graph/dispatchers.ts';
import { type AccessConfig, readAccessConfig } from './access-variables.ts';
import { type AppsConfig, readAppsConfig, readCloudHosts } from './apps-variables.ts';
import { type Env, EnvReader } from './env-reader.ts';
import { type Address, readMetricsAddress } from './listen-variables.ts';
import { quote } from './parsers.ts';
import { type RedisConfig, readRedisConfig } from './redis-variables.ts';
import { readTracingConfig, type TracingConfig } from './tracing-variables.ts';
import { readWebhookConfig, type WebhookConfig } from './webhook-variables.ts';

export { ConfigError } from './env-reader.ts';

/** The settings of one replica. Durations in ms. */
export interface Config extends AppsConfig, AccessConfig, RedisConfig {
  readonly host: string;
  readonly port: number;
  /** The listener of the metrics; null: the API serves them. */
  readonly metricsAddress: Address | null;
  readonly dataDir: string;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  /** From the end of an owner's lease until its calls are stopped. */
  readonly ownerGraceMs: number;
  readonly graphConnections: number;
  readonly proxy: Proxies;
  /** null: no webhooks. With APPS_FILE there may be some at any time, so it is not null then. */
  readonly webhooks: WebhookConfig | null;
  readonly requestsPerSecond: number;
  readonly trustedProxies: readonly string[];
  readonly logLevel: string;
  readonly shutdownMs: number;
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

/**
 * A silent replica counts as alive for a while, so an outage of all replicas that is shorter goes
 * unnoticed. Such an outage must not use up the grace.
 */
function leastOwnerGraceMs(intervalMs: number): number {
  if (Number.isNaN(intervalMs)) return 0;
  return Math.ceil(durationsFor(intervalMs, 3 * intervalMs).heartbeatTtlMs / 1_000) * 1_000;
}

function readOwnerGrace(read: EnvReader, intervalMs: number): number {
  const graceMs = read.get('OWNER_GRACE');
  const leastMs = leastOwnerGraceMs(intervalMs);
  if (graceMs < leastMs) {
    const given = quote(read.text('OWNER_GRACE') ?? '');
    const least = durationText(leastMs);
    read.fault(`OWNER_GRACE must be at least ${least} with this KEEPALIVE_INTERVAL, not ${given}`);
  }
  return graceMs;
}

/**
 * Throws {@link ConfigError} with all faults. Its message never contains a secret.
 *
 * @param hasRedisServer whether there is a redis-server that a replica could start
 * @param faults that were found before
 */
export function readConfig(
  env: Env,
  hasRedisServer = () => true,
  faults: readonly string[] = [],
): Config {
  const read = new EnvReader(env, faults);
  const intervalMs = read.get('KEEPALIVE_INTERVAL');
  const deadlineMs = read.get('KEEPALIVE_DEADLINE');
  const isTight = latestCatchUpMs(intervalMs, deadlineMs) >= deadlineMs - intervalMs;
  if (deadlineMs < 1.5 * intervalMs || isTight) {
    read.fault(
      'KEEPALIVE_INTERVAL leaves no room for retries: KEEPALIVE_DEADLINE must be at least 1.5 times as long',
    );
  }
  read.refuse('WHEEL_SLOTS', `the wheel always has ${SLOTS} slots`);
  const host = read.get('HOST');
  const hosts = readCloudHosts(read);
  const port = read.get('PORT');
  const config: Config = {
    host,
    port,
    metricsAddress: readMetricsAddress(read, { host, port }),
    ...readRedisConfig(read, hosts),
    dataDir: read.get('DATA_DIR'),
    intervalMs,
    deadlineMs,
    ownerGraceMs: readOwnerGrace(read, intervalMs),
    graphConnections: read.get('GRAPH_CONNECTIONS'),
    proxy: {
      http: read.get('HTTP_PROXY'),
      https: read.get('HTTPS_PROXY'),
      no: read.get('NO_PROXY'),
    },
    ...readAppsConfig(read, hosts),
    ...readAccessConfig(read, host, hosts),
    webhooks: readWebhookConfig(read),
    requestsPerSecond: read.get('RATE_LIMIT'),
    trustedProxies: read.get('TRUST_PROXY'),
    logLevel: read.get('LOG_LEVEL'),
    shutdownMs: read.get('SHUTDOWN_TIMEOUT'),
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

/**
 * Defaults:
 * https://learn.microsoft.com/microsoftteams/platform/bots/calls-and-meetings/call-notifications
 */
function readNotificationsJwt(read: EnvReader): NotificationsJwt | null {
  const mode = read.get('NOTIFICATIONS_JWT');
  const openIdUrl = read.get('NOTIFICATIONS_OPENID_URL');
  const issuers = read.get('NOTIFICATIONS_ISSUERS');
  const audiences = read.get('NOTIFICATIONS_AUDIENCES');
  if (mode === 'off') return null;
  return { openIdUrl, issuers, audiences: audiences.length > 0 ? audiences : null };
}
