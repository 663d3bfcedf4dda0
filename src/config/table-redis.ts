import { SERVICE_URL } from './checks.ts';
import { REDIS } from './network-parsers.ts';
import { ID, oneOf, type Parser, quote, text, url, ValueError } from './parsers.ts';
import type { Group } from './variable.ts';

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;

const SCOPE: Parser<string> = {
  parse: (value) => {
    if (/^[\x21-\x7e]+\/\.default$/.test(value)) return value;
    throw new ValueError(`must end in /.default, not ${quote(value)}`);
  },
};

/** The last label of a name is no number, or it would be an address, for which there is no SNI. */
const SERVERNAME: Parser<string> = {
  parse: (value) => {
    if (HOST_NAME.test(value) && !/(?:^|\.)\d+$/.test(value)) return value;
    throw new ValueError(`must be a host name, not ${quote(value)}`);
  },
};

export const REDIS_GROUP = {
  title: 'Redis',
  intro:
    'Callkeeper needs Redis 6.2 or newer with `maxmemory-policy noeviction`. For Entra ID and passwords that change see [redis.md](redis.md#passwords-that-change).',
  variables: {
    REDIS_URL: {
      parser: REDIS,
      default: null,
      defaultSays: 'an embedded `redis-server`, for one replica',
      sentence:
        'The Redis that all replicas share: `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS; for Sentinel and Cluster see [redis.md](redis.md#sentinel-and-cluster).',
      secret: true,
      example: 'redis://:password@127.0.0.1:6379',
      composeSets: true,
    },
    REDIS_URL_FILE: {
      parser: text(),
      default: null,
      sentence:
        'File with that URL, instead of `REDIS_URL`, for a password that changes. A replica reads the file again when it changes.',
      example: '/run/secrets/redis-url',
    },
    REDIS_PASSWORD: {
      parser: text(),
      default: null,
      sentence:
        'Only for docker compose, which puts it into `REDIS_URL`. Use only letters and digits, because it is part of a URL.',
      readBy: 'compose',
      toFillIn: true,
    },
    DATA_DIR: {
      parser: text(),
      default: '.data',
      sentence: 'Directory of the embedded `redis-server`.',
    },
    REDIS_AUTH: {
      parser: oneOf(['url', 'entra']),
      default: 'url',
      sentence:
        '`url`: the user and the password are in `REDIS_URL`. `entra`: the password is a token of Entra ID, by default for the managed identity of the host.',
      example: 'entra',
    },
    REDIS_ENTRA_CLIENT_ID: {
      parser: ID,
      default: null,
      defaultSays: "none: the host's system-assigned managed identity",
      sentence: 'Client id of a user-assigned managed identity, or of an app.',
      example: '00000000-0000-0000-0000-000000000000',
    },
    REDIS_ENTRA_TENANT_ID: {
      parser: ID,
      default: null,
      defaultSays: 'none: a managed identity',
      sentence:
        'Tenant of the app. Needs `REDIS_ENTRA_CLIENT_SECRET` or `REDIS_ENTRA_FEDERATED_TOKEN_FILE`.',
      example: '00000000-0000-0000-0000-000000000000',
    },
    REDIS_ENTRA_CLIENT_SECRET: {
      parser: text(),
      default: null,
      defaultSays: 'none; an app needs this or a token file',
      sentence: 'Client secret of the app.',
      secret: true,
    },
    REDIS_ENTRA_FEDERATED_TOKEN_FILE: {
      parser: text(),
      default: null,
      defaultSays: 'none; an app needs this or a secret',
      sentence: 'File with a token of another issuer for the app (workload identity).',
      example: '/var/run/secrets/azure/tokens/azure-identity-token',
    },
    REDIS_ENTRA_SCOPE: {
      parser: SCOPE,
      // https://learn.microsoft.com/azure/redis/entra-for-authentication
      default: 'https://redis.azure.com/.default',
      sentence: 'Scope of the token. Must end in `/.default`.',
    },
    REDIS_ENTRA_AUTHORITY_HOST: {
      parser: url(SERVICE_URL),
      default: null,
      defaultSays: 'as `AZURE_AUTHORITY_HOST`',
      sentence: 'Where the tokens for Redis come from.',
      example: 'https://login.microsoftonline.com',
    },
    REDIS_TLS_SERVERNAME: {
      parser: SERVERNAME,
      default: null,
      defaultSays:
        'the host; in a Cluster that announces its nodes by address, the host in `REDIS_URL`',
      sentence: 'Name that the certificates of Redis are checked against.',
      example: 'redis.example.com',
    },
  },
} as const satisfies Group;
