import { durationText } from '../calls/wording.ts';
import { CLOUDS } from '../graph/clouds.ts';
import { parseRedisUrl } from '../store/address.ts';
import type { Config } from './config.ts';

/** The settings that decide what a replica does, for its log and for `check`; no secrets. */
export function settingsInForce(config: Config) {
  const { apps } = config;
  return {
    clouds: unique(apps.map(({ cloud }) => cloud)),
    graph: unique(apps.map(({ graphBaseUrl }) => new URL(graphBaseUrl).host)),
    redis: config.redisUrl === null ? null : describeAddress(config.redisUrl),
    access: accessTo(config),
    interval: durationText(config.intervalMs),
    deadline: durationText(config.deadlineMs),
    apps: apps.map(({ name }) => name),
  };
}

export function describeSettings(config: Config): string {
  const { clouds, graph, redis, access, interval, deadline, apps } = settingsInForce(config);
  return [
    `cloud ${clouds.join(', ')}, Graph at ${graph.join(', ')}`,
    redis === null ? 'a redis-server of its own' : `Redis at ${redis}`,
    access,
    `a keepAlive every ${interval}, deadline ${deadline}`,
    `${apps.length === 1 ? 'app' : 'apps'} ${shortened(apps)}`,
  ].join('; ');
}

/** Apps in a cloud where Microsoft offers no keepAlive, unless something else stands for Graph. */
export function cloudWarnings({ apps }: Config): string[] {
  return apps
    .filter(({ cloud, graphBaseUrl }) => {
      const { hasKeepAlive, graphHost } = CLOUDS[cloud];
      return !hasKeepAlive && new URL(graphBaseUrl).host === graphHost;
    })
    .map(
      ({ name, cloud }) =>
        `app ${name}: Microsoft says that Graph has no keepAlive in the cloud ${cloud}`,
    );
}

/** The hosts in a REDIS_URL, without users and passwords. */
export function describeAddress(url: string): string {
  const address = parseRedisUrl(url);
  if (address.kind === 'single') return new URL(address.url).host;
  const endpoints = address.kind === 'sentinel' ? address.sentinels : address.nodes;
  return endpoints.map(({ host, port }) => `${host}:${port}`).join(',');
}

function accessTo({ apiKeys, accessFile, entra, loopbackOnly }: Config): string {
  const ways = [
    apiKeys && `${apiKeys.length} API ${apiKeys.length === 1 ? 'key' : 'keys'}`,
    accessFile && 'ACCESS_FILE',
    entra && 'Entra tokens',
  ].filter((way) => way !== null);
  if (ways.length > 0) return `access by ${ways.join(', ')}`;
  return loopbackOnly ? 'no API keys: this machine only' : 'no API keys: anybody (AUTH=none)';
}

const MOST_SHOWN = 10;

function shortened(names: readonly string[]): string {
  const more = names.length - MOST_SHOWN;
  const shown = names.slice(0, MOST_SHOWN).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
