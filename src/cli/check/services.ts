import type { RedisAddress } from '../../store/address.ts';

/** What to change if a service runs Redis: it forbids `CONFIG`, and its portal has the settings. */
export interface Service {
  readonly name: string;
  readonly eviction: string;
  readonly persistence: string;
  /** If `redis://` names a node of a Cluster. */
  readonly clustering: string;
}

/** https://learn.microsoft.com/azure/redis/overview */
const AZURE_MANAGED: Service = {
  name: 'Azure Managed Redis',
  eviction:
    'Set the eviction policy of the cache to No Eviction, in the portal (Advanced settings) or by evictionPolicy: NoEviction.',
  persistence:
    'Turn on the append-only file, in the portal (Data persistence) or by persistence: aofEnabled true, aofFrequency 1s.',
  clustering:
    'Its clustering policy is OSSCluster: name it with rediss+cluster://HOST:10000. A policy is chosen when a cache is made.',
};

/** https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure */
const AZURE_CACHE: Service = {
  name: 'Azure Cache for Redis',
  eviction: 'Set the maxmemory policy to noeviction, in the portal (Advanced settings).',
  persistence:
    'Turn on the append-only file, in the portal (Data persistence); it is there in the Premium tier only.',
  clustering: 'Clustering is on: name it with rediss+cluster://HOST:6380, or turn it off.',
};

export const ENTRA_FIX =
  'Set REDIS_AUTH=entra and give the identity access to the data of Redis, or turn on access keys and put one into REDIS_URL.';

const SERVICES: readonly (readonly [RegExp, Service])[] = [
  [/\.redis\.azure\.(?:net|us|cn)$/i, AZURE_MANAGED],
  [/\.redisenterprise\.cache\.azure\.(?:net|us|cn)$/i, AZURE_MANAGED],
  [/\.redis\.cache\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)$/i, AZURE_CACHE],
];

/**
 * Finds the service by the host names of an address; null if none matches.
 *
 * @param takesTokens Redis takes tokens of Entra ID: then it is Azure's behind any name
 */
export function serviceOf(address: RedisAddress, takesTokens: boolean): Service | null {
  const hosts = hostsOf(address);
  const found = SERVICES.find(([pattern]) => hosts.some((host) => pattern.test(host)));
  return found?.[1] ?? (takesTokens ? AZURE_MANAGED : null);
}

function hostsOf(address: RedisAddress): readonly string[] {
  if (address.kind === 'single') return [new URL(address.url).hostname];
  const endpoints = address.kind === 'sentinel' ? address.sentinels : address.nodes;
  return endpoints.map(({ host }) => host);
}
