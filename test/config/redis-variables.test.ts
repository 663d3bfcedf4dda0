import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config.ts';
import { type Env, EnvReader } from '../../src/config/env-reader.ts';
import { readRedisConfig, readRotatedUrl } from '../../src/config/redis-variables.ts';

const CLIENT = '22222222-2222-4222-8222-222222222222';
const TENANT = '11111111-1111-4111-8111-111111111111';
const SECRET = 's3cret-of-the-app';
const HOSTS = {
  cloud: 'global',
  graphBaseUrl: 'https://graph.microsoft.com/v1.0',
  authorityHost: 'https://login.microsoftonline.com',
} as const;
const ENTRA = {
  REDIS_AUTH: 'entra',
  REDIS_URL: 'rediss+cluster://name.region.redis.azure.net:10000',
};
const APP = { ...ENTRA, REDIS_ENTRA_CLIENT_ID: CLIENT, REDIS_ENTRA_TENANT_ID: TENANT };

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'callkeeper-redis-variables-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function aFile(text: string): Promise<string> {
  const path = join(directory, `${Math.random()}`);
  await writeFile(path, text);
  return path;
}

function config(env: Env) {
  const read = new EnvReader(env);
  const redis = readRedisConfig(read, HOSTS);
  read.throwFaults();
  return redis;
}

function faults(env: Env): readonly string[] {
  try {
    config(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('with REDIS_AUTH=entra, Redis is asked as', () => {
  const identityOf = (env: Env) => config({ ...ENTRA, ...env }).redisEntra?.identity;

  test('the managed identity of the host, by default', () => {
    expect(config(ENTRA).redisEntra).toEqual({
      scope: 'https://redis.azure.com/.default',
      identity: {
        name: 'Redis',
        cloud: 'global',
        authorityHost: 'https://login.microsoftonline.com',
        tenantId: '',
        clientId: '',
        credential: { kind: 'managed-identity', identity: { by: 'system' } },
      },
    });
  });

  test('a managed identity that is named by its client id', () => {
    expect(identityOf({ REDIS_ENTRA_CLIENT_ID: CLIENT })?.credential).toEqual({
      kind: 'managed-identity',
      identity: { by: 'clientId', id: CLIENT },
    });
  });

  test('an app with a secret, or with a token of another issuer', async () => {
    const app = { tenantId: TENANT, clientId: CLIENT };
    expect(identityOf({ ...APP, REDIS_ENTRA_CLIENT_SECRET: SECRET })).toMatchObject({
      ...app,
      credential: { kind: 'secret', secret: { value: SECRET } },
    });
    const file = await aFile(SECRET);
    expect(identityOf({ ...APP, REDIS_ENTRA_CLIENT_SECRET_FILE: file })).toMatchObject({
      ...app,
      credential: { kind: 'secret', secret: { file } },
    });
    expect(identityOf({ ...APP, REDIS_ENTRA_FEDERATED_TOKEN_FILE: file })).toMatchObject({
      ...app,
      credential: { kind: 'federated', tokenFile: file },
    });
  });

  test('the user that REDIS_URL names, for another scope, at another authority', () => {
    const env = {
      ...ENTRA,
      REDIS_URL: `rediss://${CLIENT}@redis.example`,
      REDIS_ENTRA_SCOPE: 'api://redis/.default',
      REDIS_ENTRA_AUTHORITY_HOST: 'https://login.microsoftonline.us/',
    };
    expect(config(env)).toMatchObject({
      redisUrl: env.REDIS_URL,
      redisEntra: {
        scope: env.REDIS_ENTRA_SCOPE,
        identity: { authorityHost: 'https://login.microsoftonline.us' },
      },
    });
  });

  test.each(['redis://localhost:6379', 'redis://127.0.0.1', 'redis+cluster://[::1]:1,localhost:2'])(
    'without TLS on loopback: %s',
    (REDIS_URL) => expect(faults({ ...ENTRA, REDIS_URL })).toEqual([]),
  );
});

describe('there is a fault', () => {
  const NO_TLS =
    'REDIS_AUTH=entra sends tokens: REDIS_URL must say rediss for TLS (redis for loopback only)';
  const PASSWORD = 'REDIS_AUTH=entra contradicts the password in REDIS_URL: remove it';
  const BOTH = 'REDIS_ENTRA_CLIENT_SECRET and REDIS_ENTRA_FEDERATED_TOKEN_FILE: give one of them';
  const HALF =
    'REDIS_ENTRA_TENANT_ID is for an app: give REDIS_ENTRA_CLIENT_SECRET or REDIS_ENTRA_FEDERATED_TOKEN_FILE as well';

  test.each<[string, Env, string[]]>([
    [
      'an unknown value',
      { REDIS_AUTH: 'azure' },
      ['REDIS_AUTH must be one of url, entra, not "azure"'],
    ],
    [
      'another case',
      { REDIS_AUTH: 'Entra' },
      ['REDIS_AUTH must be one of url, entra, not "Entra"'],
    ],
    [
      'no Redis to ask',
      { REDIS_AUTH: 'entra' },
      ['REDIS_AUTH=entra needs REDIS_URL: the Redis that takes the tokens'],
    ],
    ['a password', { REDIS_URL: `rediss://:${SECRET}@redis.example` }, [PASSWORD]],
    ['a password in a Cluster', { REDIS_URL: `rediss+cluster://u:${SECRET}@a,b` }, [PASSWORD]],
    ['no TLS', { REDIS_URL: 'redis://redis.example' }, [NO_TLS]],
    ['no TLS to one of several', { REDIS_URL: 'redis+cluster://localhost,10.0.0.1' }, [NO_TLS]],
    ['no TLS to Sentinels', { REDIS_URL: 'redis+sentinel://sentinel-1/calls' }, [NO_TLS]],
    [
      'a tenant without a proof',
      { REDIS_ENTRA_TENANT_ID: TENANT, REDIS_ENTRA_CLIENT_ID: CLIENT },
      [HALF],
    ],
    [
      'a secret without an app',
      { REDIS_ENTRA_CLIENT_SECRET: SECRET },
      ['REDIS_ENTRA_TENANT_ID is not set', 'REDIS_ENTRA_CLIENT_ID is not set'],
    ],
    [
      'a secret without a tenant',
      { REDIS_ENTRA_CLIENT_SECRET: SECRET, REDIS_ENTRA_CLIENT_ID: CLIENT },
      ['REDIS_ENTRA_TENANT_ID is not set'],
    ],
    [
      'a client id that is none',
      { REDIS_ENTRA_CLIENT_ID: 'callkeeper' },
      ['REDIS_ENTRA_CLIENT_ID must be a GUID, not "callkeeper"'],
    ],
    [
      'a scope that is a resource',
      { REDIS_ENTRA_SCOPE: 'https://redis.azure.com' },
      ['REDIS_ENTRA_SCOPE must end in /.default, not "https://redis.azure.com"'],
    ],
    [
      'an authority without TLS',
      { REDIS_ENTRA_AUTHORITY_HOST: 'http://login.example' },
      ['REDIS_ENTRA_AUTHORITY_HOST must be an https:// URL without credentials or query'],
    ],
  ])('for %s', (_, env, expected) => {
    const isBare = env.REDIS_AUTH === 'entra';
    expect(faults({ ...(isBare ? {} : ENTRA), ...env })).toEqual(expected);
    expect(faults({ ...(isBare ? {} : ENTRA), ...env }).join()).not.toContain(SECRET);
  });

  test('for a secret and a federated token', async () => {
    const REDIS_ENTRA_FEDERATED_TOKEN_FILE = await aFile('a token');
    const env = { ...APP, REDIS_ENTRA_CLIENT_SECRET: SECRET, REDIS_ENTRA_FEDERATED_TOKEN_FILE };
    expect(faults(env)).toEqual([BOTH]);
  });

  test('for a federated token that is not there', () => {
    const path = join(directory, 'none');
    expect(faults({ ...APP, REDIS_ENTRA_FEDERATED_TOKEN_FILE: path })).toEqual([
      `REDIS_ENTRA_FEDERATED_TOKEN_FILE: ${path} cannot be read (ENOENT)`,
    ]);
  });

  test.each(['CLIENT_ID', 'CLIENT_SECRET', 'FEDERATED_TOKEN_FILE', 'SCOPE', 'AUTHORITY_HOST'])(
    'for REDIS_ENTRA_%s without REDIS_AUTH=entra: it would be ignored',
    (name) => {
      expect(faults({ [`REDIS_ENTRA_${name}`]: SECRET })).toEqual([
        `REDIS_ENTRA_${name} needs REDIS_AUTH=entra`,
      ]);
    },
  );

  test.each([
    ['an address', 'rediss://r', '10.0.0.1', 'must be a host name, not "10.0.0.1"'],
    [
      'a port',
      'rediss://r',
      'redis.example:10000',
      'must be a host name, not "redis.example:10000"',
    ],
    ['a Redis without TLS', 'redis://r', 'redis.example', 'needs a REDIS_URL with rediss, for TLS'],
    ['an embedded Redis', '', 'redis.example', 'needs a REDIS_URL with rediss, for TLS'],
  ])('for REDIS_TLS_SERVERNAME with %s', (_, REDIS_URL, REDIS_TLS_SERVERNAME, told) => {
    const env = { REDIS_URL, REDIS_TLS_SERVERNAME };
    expect(faults(env)).toEqual([`REDIS_TLS_SERVERNAME ${told}`]);
  });
});

test('REDIS_TLS_SERVERNAME is a name', () => {
  const env = { REDIS_URL: 'rediss://10.0.0.1', REDIS_TLS_SERVERNAME: 'name.redis.azure.net' };
  expect(config(env).redisTlsServername).toBe('name.redis.azure.net');
});

test('REDIS_URL_FILE is read again, if the password comes from it', async () => {
  const text = 'rediss://u:one@redis.example\n';
  const path = await aFile(text);
  expect(config({ REDIS_URL_FILE: path })).toMatchObject({
    redisUrl: text.trim(),
    redisUrlFile: { path, text },
  });
  const plain = await aFile('rediss://redis.example');
  expect(config({ REDIS_AUTH: 'entra', REDIS_URL_FILE: plain }).redisUrlFile).toBeNull();
});

test('REDIS_URL_FILE is read once, so a change during the start is seen later', async () => {
  const path = await aFile('redis://:p0@redis.example');
  let changes = 0;
  const env = {
    get REDIS_URL_FILE() {
      writeFileSync(path, `redis://:p${++changes}@redis.example`);
      return path;
    },
  };
  const { redisUrl, redisUrlFile } = config(env);
  expect(redisUrlFile?.text).toBe(redisUrl);
  expect(redisUrl).not.toBe(readFileSync(path, 'utf8'));
});

describe('a REDIS_URL_FILE that has changed', () => {
  const NOW = 'rediss+cluster://u:one@a,b';

  test('gives another user or password', () => {
    expect(readRotatedUrl('rediss+cluster://v:tw%2Fo@a,b\n', NOW)).toMatchObject({
      username: 'v',
      password: 'tw/o',
    });
    const single = readRotatedUrl('redis://u:t%40wo@host/1', 'redis://u:one@host/1');
    expect(single).toMatchObject({ username: 'u', password: 't@wo' });
  });

  test.each([
    ['rediss+cluster://u:two@a,c', 'names another Redis: restart the replica to use it'],
    ['redis+cluster://u:two@a,b', 'names another Redis: restart the replica to use it'],
    ['rediss://u:two@a', 'names another Redis: restart the replica to use it'],
    ['rediss+cluster://u@a,b', 'no longer has a password'],
    ['rediss+cluster://u:t%wo@a,b', 'must have user and password percent-encoded'],
  ])('is faulty with %s', (text, fault) => {
    expect(() => readRotatedUrl(text, NOW)).toThrow(fault);
    expect(() => readRotatedUrl(text, NOW)).not.toThrow('two');
  });
});
