import type { Credential, Identity } from '../graph/app.ts';
import { isSameRedis, parseRedisUrl, type RedisAddress, RedisUrlError } from '../store/address.ts';
import type { CloudHosts } from './apps-variables.ts';
import { readDocument, readText } from './bounded-file.ts';
import { isLoopback, SERVICE_URL } from './checks.ts';
import { type EnvReader, quote } from './env-reader.ts';
import { DocumentError } from './yaml-reader.ts';

/** Which Redis, and who asks it. */
export interface RedisConfig {
  /** See `parseRedisUrl`; null: a redis-server of the daemon's own. */
  readonly redisUrl: string | null;
  /** Where `redisUrl` is from, if it is read again for another user or password. */
  readonly redisUrlFile: { readonly path: string; readonly text: string } | null;
  /** null: the user and the password are in `redisUrl`. */
  readonly redisEntra: RedisEntra | null;
  /** The name that certificates are checked against; null: the host's. */
  readonly redisTlsServername: string | null;
}

/** Redis is asked with tokens of this identity. */
export interface RedisEntra {
  readonly identity: Identity;
  readonly scope: string;
}

const PREFIX = 'REDIS_ENTRA_';
const SECRET = 'REDIS_ENTRA_CLIENT_SECRET';
const TOKEN_FILE = 'REDIS_ENTRA_FEDERATED_TOKEN_FILE';
/** https://learn.microsoft.com/azure/redis/entra-for-authentication */
const SCOPE = 'https://redis.azure.com/.default';
const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;

export function readRedisConfig(read: EnvReader, hosts: CloudHosts): RedisConfig {
  const redisUrl = read.secretText('REDIS_URL');
  const address = redisUrl === null ? null : parse(read, redisUrl);
  const path = read.text('REDIS_URL_FILE');
  const mode = read.oneOf('REDIS_AUTH', ['url', 'entra'], 'url');
  const redisEntra = mode === 'entra' ? readEntra(read, hosts) : refuseEntra(read);
  if (redisEntra !== null) checkAddress(read, redisUrl === null, address);
  return {
    redisUrl: address === null ? null : redisUrl,
    redisUrlFile:
      address === null || path === null || redisEntra !== null
        ? null
        : read.file('REDIS_URL_FILE', path, null, () => ({ path, text: readDocument(path) })),
    redisEntra,
    redisTlsServername: readServername(read, address),
  };
}

/**
 * Reads an address that may differ from the one now in its user and its password alone.
 *
 * @throws DocumentError
 */
export function readRotatedUrl(text: string, now: string): RedisAddress {
  const before = parseRedisUrl(now);
  const address = parseOrThrow(text.trim());
  if (!isSameRedis(address, before)) {
    throw new DocumentError(['names another Redis: that wants a restart']);
  }
  if (before.password !== undefined && address.password === undefined) {
    throw new DocumentError(['has no password any more']);
  }
  return address;
}

function parseOrThrow(text: string): RedisAddress {
  try {
    return parseRedisUrl(text);
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error;
    throw new DocumentError(error.faults);
  }
}

function parse(read: EnvReader, text: string): RedisAddress | null {
  try {
    return parseRedisUrl(text);
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error;
    for (const fault of error.faults) read.fault(`REDIS_URL ${fault}`);
    return null;
  }
}

/** @param isMissing REDIS_URL is not set; if it is, and `address` is null, its faults are known already */
function checkAddress(read: EnvReader, isMissing: boolean, address: RedisAddress | null): void {
  if (isMissing) read.fault('REDIS_AUTH=entra needs REDIS_URL: the Redis that takes the tokens');
  if (address === null) return;
  if (address.password !== undefined) {
    read.fault('REDIS_AUTH=entra contradicts the password in REDIS_URL: remove it');
  }
  if (!address.tls && !hostsOf(address).every(isLoopback)) {
    read.fault(
      'REDIS_AUTH=entra sends tokens: REDIS_URL must say rediss for TLS (redis for loopback only)',
    );
  }
}

function hostsOf(address: RedisAddress): readonly string[] {
  if (address.kind === 'single') return [new URL(address.url).hostname];
  const endpoints = address.kind === 'sentinel' ? address.sentinels : address.nodes;
  return endpoints.map(({ host }) => host);
}

/** Without REDIS_AUTH=entra these would be ignored silently, so each is a fault. */
function refuseEntra(read: EnvReader): null {
  const names = ['CLIENT_ID', 'TENANT_ID', 'CLIENT_SECRET', 'CLIENT_SECRET_FILE'];
  for (const name of [...names, 'FEDERATED_TOKEN_FILE', 'SCOPE', 'AUTHORITY_HOST']) {
    if (read.text(PREFIX + name) !== null) read.fault(`${PREFIX}${name} needs REDIS_AUTH=entra`);
  }
  return null;
}

function readEntra(read: EnvReader, { cloud, authorityHost }: CloudHosts): RedisEntra {
  const scope = read.text('REDIS_ENTRA_SCOPE') ?? SCOPE;
  if (!/^[\x21-\x7e]+\/\.default$/.test(scope)) {
    read.fault(`REDIS_ENTRA_SCOPE must end in /.default, not ${quote(scope)}`);
  }
  const identity = {
    ...readIdentity(read),
    name: 'Redis',
    cloud,
    authorityHost: read.url('REDIS_ENTRA_AUTHORITY_HOST', authorityHost, SERVICE_URL),
  };
  return { identity, scope };
}

/** A managed identity, or an app if a secret or a token file is set. */
function readIdentity(read: EnvReader): Pick<Identity, 'tenantId' | 'clientId' | 'credential'> {
  const proof = readProof(read);
  const hasTenant = read.text('REDIS_ENTRA_TENANT_ID') !== null;
  if (proof !== null || hasTenant) {
    if (proof === null) {
      read.fault(`REDIS_ENTRA_TENANT_ID is for an app: give ${SECRET} or ${TOKEN_FILE} as well`);
    }
    return {
      tenantId: read.guid('REDIS_ENTRA_TENANT_ID'),
      clientId: read.guid('REDIS_ENTRA_CLIENT_ID'),
      credential: proof ?? { kind: 'managed-identity', identity: { by: 'system' } },
    };
  }
  const id = read.text('REDIS_ENTRA_CLIENT_ID') === null ? '' : read.guid('REDIS_ENTRA_CLIENT_ID');
  const identity = id === '' ? ({ by: 'system' } as const) : ({ by: 'clientId', id } as const);
  return { tenantId: '', clientId: id, credential: { kind: 'managed-identity', identity } };
}

function readProof(read: EnvReader): Credential | null {
  const secret = read.secret('REDIS_ENTRA_CLIENT_SECRET');
  const tokenFile = read.text('REDIS_ENTRA_FEDERATED_TOKEN_FILE');
  if (tokenFile !== null) read.file(TOKEN_FILE, tokenFile, null, readText);
  if (secret !== null && tokenFile !== null) {
    read.fault(`${SECRET} and ${TOKEN_FILE}: give one of them`);
  }
  if (secret !== null) return { kind: 'secret', secret };
  return tokenFile === null ? null : { kind: 'federated', tokenFile };
}

function readServername(read: EnvReader, address: RedisAddress | null): string | null {
  const name = read.text('REDIS_TLS_SERVERNAME');
  if (name === null) return null;
  // The last label of a name is no number, or it would be an address, for which there is no SNI.
  if (!HOST_NAME.test(name) || /(?:^|\.)\d+$/.test(name)) {
    read.fault(`REDIS_TLS_SERVERNAME must be a host name, not ${quote(name)}`);
  } else if (address?.tls !== true) {
    read.fault('REDIS_TLS_SERVERNAME needs a REDIS_URL with rediss, for TLS');
  }
  return name;
}
