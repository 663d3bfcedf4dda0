import type { AppCredential, AppIdentity } from '../graph/app.ts';
import { isSameRedis, parseRedisUrl, type RedisAddress, RedisUrlError } from '../store/address.ts';
import type { CloudHosts } from './apps-variables.ts';
import { readText } from './bounded-file.ts';
import { isLoopback } from './checks.ts';
import type { EnvReader } from './env-reader.ts';
import { DocumentError } from './yaml-reader.ts';

export interface RedisConfig {
  /** See `parseRedisUrl`; null: the embedded redis-server. */
  readonly redisUrl: string | null;
  /** The file of `redisUrl`, if it is read again for another user or password. */
  readonly redisUrlFile: { readonly path: string; readonly text: string } | null;
  /** null: the user and the password are in `redisUrl`. */
  readonly redisEntra: RedisEntra | null;
  /** The name that certificates must have; null: the host's. */
  readonly redisTlsServername: string | null;
}

export interface RedisEntra {
  readonly identity: AppIdentity;
  readonly scope: string;
}

/** Ignored without REDIS_AUTH=entra, so setting them is a fault then. */
const FOR_ENTRA = [
  'REDIS_ENTRA_CLIENT_ID',
  'REDIS_ENTRA_TENANT_ID',
  'REDIS_ENTRA_CLIENT_SECRET',
  'REDIS_ENTRA_CLIENT_SECRET_FILE',
  'REDIS_ENTRA_FEDERATED_TOKEN_FILE',
  'REDIS_ENTRA_SCOPE',
  'REDIS_ENTRA_AUTHORITY_HOST',
] as const;
const SECRET = 'REDIS_ENTRA_CLIENT_SECRET';
const TOKEN_FILE = 'REDIS_ENTRA_FEDERATED_TOKEN_FILE';

export function readRedisConfig(read: EnvReader, hosts: CloudHosts): RedisConfig {
  const redis = read.get('REDIS_URL');
  const address = redis?.address ?? null;
  const isEntra = read.get('REDIS_AUTH') === 'entra';
  const redisEntra = isEntra ? readEntra(read, hosts) : refuseEntra(read);
  if (redisEntra !== null) checkAddress(read, address);
  return {
    redisUrl: redis?.url ?? null,
    redisUrlFile: address === null || redisEntra !== null ? null : read.secretFile('REDIS_URL'),
    redisEntra,
    redisTlsServername: readServername(read, address),
  };
}

/**
 * Reads an address that may differ from the current one only in its user and password.
 *
 * @throws DocumentError
 */
export function readRotatedUrl(text: string, now: string): RedisAddress {
  const before = parseRedisUrl(now);
  const address = parseOrThrow(text.trim());
  if (!isSameRedis(address, before)) {
    throw new DocumentError(['names another Redis: restart the replica to use it']);
  }
  if (before.password !== undefined && address.password === undefined) {
    throw new DocumentError(['no longer has a password']);
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

function checkAddress(read: EnvReader, address: RedisAddress | null): void {
  if (!read.isGiven('REDIS_URL')) {
    read.fault('REDIS_AUTH=entra needs REDIS_URL: the Redis that takes the tokens');
  }
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

function refuseEntra(read: EnvReader): null {
  for (const name of FOR_ENTRA) {
    if (read.text(name) !== null) read.fault(`${name} needs REDIS_AUTH=entra`);
  }
  return null;
}

function readEntra(read: EnvReader, { cloud, authorityHost }: CloudHosts): RedisEntra {
  const scope = read.get('REDIS_ENTRA_SCOPE');
  const identity = {
    ...readIdentity(read),
    name: 'Redis',
    cloud,
    authorityHost: read.get('REDIS_ENTRA_AUTHORITY_HOST') ?? authorityHost,
  };
  return { identity, scope };
}

/** A managed identity, or an app if a secret or a token file is set. */
function readIdentity(read: EnvReader): Pick<AppIdentity, 'tenantId' | 'clientId' | 'credential'> {
  const proof = readProof(read);
  const hasTenant = read.text('REDIS_ENTRA_TENANT_ID') !== null;
  if (proof !== null || hasTenant) {
    if (proof === null) {
      read.fault(`REDIS_ENTRA_TENANT_ID is for an app: give ${SECRET} or ${TOKEN_FILE} as well`);
    }
    return {
      tenantId: read.required('REDIS_ENTRA_TENANT_ID'),
      clientId: read.required('REDIS_ENTRA_CLIENT_ID'),
      credential: proof ?? { kind: 'managed-identity', identity: { by: 'system' } },
    };
  }
  const id = read.get('REDIS_ENTRA_CLIENT_ID') ?? '';
  const identity = id === '' ? ({ by: 'system' } as const) : ({ by: 'clientId', id } as const);
  return { tenantId: '', clientId: id, credential: { kind: 'managed-identity', identity } };
}

function readProof(read: EnvReader): AppCredential | null {
  const secret = read.secret('REDIS_ENTRA_CLIENT_SECRET');
  const tokenFile = read.get('REDIS_ENTRA_FEDERATED_TOKEN_FILE');
  if (tokenFile !== null) read.file(TOKEN_FILE, tokenFile, null, readText);
  if (secret !== null && tokenFile !== null) {
    read.fault(`${SECRET} and ${TOKEN_FILE}: give one of them`);
  }
  if (secret !== null) return { kind: 'secret', secret };
  return tokenFile === null ? null : { kind: 'federated', tokenFile };
}

function readServername(read: EnvReader, address: RedisAddress | null): string | null {
  const name = read.get('REDIS_TLS_SERVERNAME');
  if (name !== null && address?.tls !== true) {
    read.fault('REDIS_TLS_SERVERNAME needs a REDIS_URL with rediss, for TLS');
  }
  return name;
}
