import { isDeepStrictEqual } from 'node:util';

export type RedisAddress = SingleAddress | SentinelAddress | ClusterAddress;

/** One server, or a service behind one name. */
interface SingleAddress extends Access {
  readonly kind: 'single';
  /** `redis://` or `rediss://`, with user, password and database. */
  readonly url: string;
}

/** The master that the Sentinels of a group name. */
export interface SentinelAddress extends Access {
  readonly kind: 'sentinel';
  readonly sentinels: readonly Endpoint[];
  readonly group: string;
  readonly database: number;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly sentinelTls: boolean;
}

/** Some nodes of a Cluster, which name the others. */
export interface ClusterAddress extends Access {
  readonly kind: 'cluster';
  readonly nodes: readonly Endpoint[];
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface Access {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

/** The faults of a REDIS_URL, one per line, without any part of the text: it has a password. */
export class RedisUrlError extends Error {
  readonly code = 'REDIS_URL';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join('; '));
    this.name = 'RedisUrlError';
    this.faults = faults;
  }
}

const FORMS =
  'redis://[user:password@]host[:port][/database], ' +
  'redis+sentinel://[user:password@]host[:port],…/group[/database] or ' +
  'redis+cluster://[user:password@]host[:port],…, each with rediss for TLS';
const GROUP_FORM =
  /^(redis|rediss)\+(sentinel|cluster):\/\/(?:([^@/?#]*)@)?([^@/?#]*)([^@?#]*)(?:\?([^#]*))?$/;
const ENDPOINT = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?))(?::(\d{1,5}))?$/i;
const SENTINEL_PORT = 26_379;
const CLUSTER_PORT = 6_379;

/**
 * Parses a REDIS_URL, in which users, passwords and groups are percent-encoded.
 *
 * @throws RedisUrlError with all faults
 */
export function parseRedisUrl(text: string): RedisAddress {
  const match = GROUP_FORM.exec(text);
  if (!match) return parseSingle(text);
  const [, scheme, kind, userInfo, hosts = '', path = '', query = ''] = match;
  const faults: string[] = [];
  const access = { ...parseUser(userInfo, faults), tls: scheme === 'rediss' };
  const address =
    kind === 'sentinel'
      ? parseSentinel(hosts, path, query, access, faults)
      : parseCluster(hosts, path, query, access, faults);
  if (faults.length > 0) throw new RedisUrlError(faults);
  return address;
}

/** Whether two addresses differ only in the user and the password. */
export function isSameRedis(one: RedisAddress, other: RedisAddress): boolean {
  return isDeepStrictEqual(withoutUser(one), withoutUser(other));
}

function withoutUser(address: RedisAddress): object {
  const nobody = { username: undefined, password: undefined };
  if (address.kind !== 'single') return { ...address, ...nobody };
  const url = Object.assign(new URL(address.url), { username: '', password: '' });
  return { ...address, url: url.href, ...nobody };
}

function parseSingle(text: string): SingleAddress {
  const url = URL.parse(text);
  if (url && /^rediss?:$/.test(url.protocol) && url.hostname && /^\/?\d*$/.test(url.pathname)) {
    const access = parseUser(`${url.username}:${url.password}`, []);
    return { kind: 'single', url: text, ...access, tls: url.protocol === 'rediss:' };
  }
  throw new RedisUrlError([`must be ${FORMS}`]);
}

function parseSentinel(
  hosts: string,
  path: string,
  query: string,
  access: Access,
  faults: string[],
): SentinelAddress {
  const [, group = '', database = '0', ...rest] = path.split('/').map((part) => decode(part));
  if (!group) faults.push('must name the group that the Sentinels watch: …/group');
  if (!/^\d{1,4}$/.test(database ?? '') || rest.length > 0) {
    faults.push('must have nothing but a database after the group: …/group/0');
  }
  const given = parseQuery(query, ['sentinelUsername', 'sentinelPassword', 'sentinelTls'], faults);
  const sentinelTls = given.get('sentinelTls') ?? (access.tls ? 'yes' : 'no');
  if (!/^(yes|no)$/.test(sentinelTls)) faults.push('sentinelTls must be yes or no');
  return {
    kind: 'sentinel',
    sentinels: parseHosts(hosts, SENTINEL_PORT, faults),
    group: group ?? '',
    database: Number(database),
    sentinelUsername: given.get('sentinelUsername'),
    sentinelPassword: given.get('sentinelPassword'),
    sentinelTls: sentinelTls === 'yes',
    ...access,
  };
}

function parseCluster(
  hosts: string,
  path: string,
  query: string,
  access: Access,
  faults: string[],
): ClusterAddress {
  if (!/^(\/0?)?$/.test(path))
    faults.push('must have nothing after the hosts: a Cluster has one database');
  parseQuery(query, [], faults);
  return { kind: 'cluster', nodes: parseHosts(hosts, CLUSTER_PORT, faults), ...access };
}

function parseHosts(text: string, defaultPort: number, faults: string[]): Endpoint[] {
  return text.split(',').flatMap((part, i) => {
    const match = ENDPOINT.exec(part);
    const port = Number(match?.[3] ?? defaultPort);
    if (match && port > 0 && port <= 65_535) return [{ host: match[1] ?? match[2] ?? '', port }];
    faults.push(`must have host or host:port as its ${ordinal(i + 1)} host`);
    return [];
  });
}

function parseUser(
  text: string | undefined,
  faults: string[],
): Pick<Access, 'username' | 'password'> {
  if (text === undefined) return { username: undefined, password: undefined };
  const at = text.indexOf(':');
  const username = decode(at < 0 ? text : text.slice(0, at));
  const password = at < 0 ? '' : decode(text.slice(at + 1));
  if (username === null || password === null) {
    faults.push('must have user and password percent-encoded');
  }
  return { username: username || undefined, password: password || undefined };
}

function parseQuery(
  text: string,
  known: readonly string[],
  faults: string[],
): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (known.includes(name)) given.set(name, value);
    else faults.push(`can have ${known.length > 0 ? known.join(', ') : 'nothing'} after the ?`);
  }
  return given;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function ordinal(n: number): string {
  return `${n}${['st', 'nd', 'rd'][n - 1] ?? 'th'}`;
}
