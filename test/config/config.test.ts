import { createPrivateKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { generate } from 'selfsigned';
import { beforeEach, describe, expect, test } from 'vitest';
import { durationsFor, latestCatchUpMs } from '../../src/calls/durations.ts';
import { type Config, ConfigError, readConfig } from '../../src/config/config.ts';

const TENANT = '11111111-1111-4111-8111-111111111111';
const CLIENT = '22222222-2222-4222-8222-222222222222';
const ZEROS = '00000000-0000-0000-0000-000000000000';
const PLACEHOLDER =
  'is still the placeholder, a GUID of zeros: replace it with the id that Entra shows';
const KEY = 'k'.repeat(24);
const SECRET = 'the-secret-of-the-app~1';
const SIGNING = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
const OTHER_SIGNING = `whsec_${Buffer.alloc(64, 2).toString('base64')}`;

type Env = Record<string, string | undefined>;
const GOOD: Env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: SECRET };
const config = (over: Env = {}): Config => readConfig({ ...GOOD, ...over });

function faultsOf(env: Env): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}
const faults = (over: Env) => faultsOf({ ...GOOD, ...over });

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'callkeeper-config-'));
  return () => rm(directory, { recursive: true, force: true });
});
async function aFile(contents: string, name = 'file'): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, contents);
  return path;
}

describe("Graph's token on notifications", () => {
  test('is checked as Microsoft documents it, if it is required', () => {
    expect(config({ NOTIFICATIONS_JWT: 'required' }).notificationsJwt).toEqual({
      openIdUrl: 'https://api.aps.skype.com/v1/.well-known/OpenIdConfiguration',
      issuers: ['https://api.botframework.com', 'https://graph.microsoft.com'],
      audiences: null,
    });
  });

  test('may be of others', () => {
    const over = {
      NOTIFICATIONS_JWT: 'required',
      NOTIFICATIONS_OPENID_URL: 'https://keys.example/openid',
      NOTIFICATIONS_ISSUERS: 'https://a.example, https://b.example',
      NOTIFICATIONS_AUDIENCES: CLIENT,
    };
    expect(config(over).notificationsJwt).toEqual({
      openIdUrl: 'https://keys.example/openid',
      issuers: ['https://a.example', 'https://b.example'],
      audiences: [CLIENT],
    });
  });

  test.each([
    [{ NOTIFICATIONS_JWT: 'yes' }, 'NOTIFICATIONS_JWT must be one of off, required, not "yes"'],
    [
      { NOTIFICATIONS_OPENID_URL: 'http://keys.example/' },
      'NOTIFICATIONS_OPENID_URL must be an https:// URL (http:// for loopback only) without credentials or query',
    ],
  ])('is not configured by %j', (over, fault) => {
    expect(faults(over)).toEqual([fault]);
  });
});

describe('an environment that says no more than it must', () => {
  test('gets the defaults', () => {
    expect(config()).toEqual({
      host: '127.0.0.1',
      ownerGraceMs: 600_000,
      port: 8080,
      metricsAddress: null,
      redisUrl: null,
      redisUrlFile: null,
      redisEntra: null,
      redisTlsServername: null,
      dataDir: '.data',
      apps: [
        {
          name: 'default',
          cloud: 'global',
          tenantId: TENANT,
          clientId: CLIENT,
          credential: { kind: 'secret', secret: { value: SECRET } },
          graphBaseUrl: 'https://graph.microsoft.com/v1.0',
          authorityHost: 'https://login.microsoftonline.com',
          webhook: null,
        },
      ],
      defaultApp: 'default',
      appsFile: null,
      notificationsJwt: null,
      tracing: null,
      intervalMs: 900_000,
      deadlineMs: 2_700_000,
      graphConnections: 64,
      proxy: { http: null, https: null, no: null },
      apiKeys: null,
      accessFile: null,
      entra: null,
      loopbackOnly: true,
      webhooks: null,
      requestsPerSecond: 1_000,
      trustedProxies: [],
      logLevel: 'info',
      shutdownMs: 25_000,
    });
    expect(Object.isFrozen(config())).toBe(true);
  });

  test('may leave the rest empty, as compose files do', () => {
    const names = [
      'HOST',
      'PORT',
      'REDIS_URL',
      'GRAPH_CLOUD',
      'API_KEYS',
      'AUTH',
      'LOG_LEVEL',
      'HTTPS_PROXY',
    ];
    expect(
      config(Object.fromEntries(names.map((name) => [name, name === 'HOST' ? '' : '  ']))),
    ).toEqual(config());
  });
});

describe('a value is taken', () => {
  test.each<[Env, Partial<Config>]>([
    [
      { HOST: '0.0.0.0', API_KEYS: KEY },
      { host: '0.0.0.0', apiKeys: [KEY] },
    ],
    [
      { HOST: '::', AUTH: 'none' },
      { host: '::', apiKeys: null },
    ],
    [
      { HOST: 'localhost', PORT: '0' },
      { host: '127.0.0.1', port: 0 },
    ],
    [
      { HOST: '::1', PORT: '65535' },
      { host: '::1', port: 65_535 },
    ],
    ...[
      { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' },
      { OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' },
      { OTEL_TRACES_SAMPLER: 'no such', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    ].map((env): [Env, Partial<Config>] => [env, { tracing: null }]),
    ...[
      { OTEL_TRACES_EXPORTER: 'otlp' },
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' },
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' },
    ].map((env): [Env, Partial<Config>] => [env, { tracing: TRACED }]),
    [
      {
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.05',
        OTEL_BSP_SCHEDULE_DELAY: '100',
      },
      {
        tracing: {
          sampler: { name: 'parentbased_traceidratio', ratio: 0.05 },
          batch: { ...TRACED.batch, scheduledDelayMillis: 100 },
        },
      },
    ],
    [{ METRICS_ADDRESS: ':9464' }, { metricsAddress: { host: '127.0.0.1', port: 9464 } }],
    [{ METRICS_ADDRESS: 'localhost:9464' }, { metricsAddress: { host: '127.0.0.1', port: 9464 } }],
    [{ METRICS_ADDRESS: '[::]:9464' }, { metricsAddress: { host: '::', port: 9464 } }],
    [
      { METRICS_ADDRESS: 'metrics.local:0' },
      { metricsAddress: { host: 'metrics.local', port: 0 } },
    ],
    [{ HOST: '127.1.2.3' }, { host: '127.1.2.3' }],
    [
      { REDIS_URL: 'redis://user:pass@redis.example:6380/2' },
      { redisUrl: 'redis://user:pass@redis.example:6380/2' },
    ],
    [{ REDIS_URL: 'rediss://redis.example' }, { redisUrl: 'rediss://redis.example' }],
    [{ REDIS_URL: 'redis+cluster://a,b:7001' }, { redisUrl: 'redis+cluster://a,b:7001' }],
    [{ DATA_DIR: '/data' }, { dataDir: '/data' }],
    [
      { WEBHOOK_SECRETS: SIGNING, WEBHOOK_ALLOW_PRIVATE: 'false' },
      { webhooks: { secrets: [SIGNING], hosts: [], defaultUrl: null, allowPrivate: false } },
    ],
    [{ WEBHOOK_ALLOW_PRIVATE: 'true' }, { webhooks: null }],
    [
      {
        WEBHOOK_SECRETS: ` ${SIGNING}, ${OTHER_SIGNING},`,
        WEBHOOK_HOSTS: 'Bot.example.com, *.hooks.example.com,192.0.2.1',
        WEBHOOK_URL: 'https://bot.example.com/hook?a=b',
        WEBHOOK_ALLOW_PRIVATE: 'true',
      },
      {
        webhooks: {
          secrets: [SIGNING, OTHER_SIGNING],
          hosts: ['bot.example.com', '*.hooks.example.com', '192.0.2.1'],
          defaultUrl: 'https://bot.example.com/hook?a=b',
          allowPrivate: true,
        },
      },
    ],
    [{ API_KEYS: ` ${KEY} , ${KEY}2,` }, { apiKeys: [KEY, `${KEY}2`] }],
    [
      { KEEPALIVE_INTERVAL: '5s', KEEPALIVE_DEADLINE: '15s' },
      { intervalMs: 5_000, deadlineMs: 15_000 },
    ],
    [
      { KEEPALIVE_INTERVAL: '1500ms', KEEPALIVE_DEADLINE: '2250ms' },
      { intervalMs: 1_500, deadlineMs: 2_250 },
    ],
    [{ KEEPALIVE_INTERVAL: '30m' }, { intervalMs: 1_800_000 }],
    [
      { WHEEL_SLOTS: '', GRAPH_CONNECTIONS: '8', RATE_LIMIT: '5' },
      { graphConnections: 8, requestsPerSecond: 5 },
    ],
    [
      { LOG_LEVEL: 'silent', SHUTDOWN_TIMEOUT: '100ms' },
      { logLevel: 'silent', shutdownMs: 100 },
    ],
    [
      { HTTPS_PROXY: 'http://proxy:3128', no_proxy: 'localhost' },
      { proxy: { http: null, https: 'http://proxy:3128', no: 'localhost' } },
    ],
    [
      { https_proxy: 'http://small:3128', http_proxy: 'https://p' },
      { proxy: { http: 'https://p', https: 'http://small:3128', no: null } },
    ],
  ])('of %j', (env, expected) => {
    expect(config(env)).toMatchObject(expected);
  });

  test.each([
    ['global', 'https://graph.microsoft.com/v1.0', 'https://login.microsoftonline.com'],
    ['us-gov-l4', 'https://graph.microsoft.us/v1.0', 'https://login.microsoftonline.us'],
    ['us-gov-l5', 'https://dod-graph.microsoft.us/v1.0', 'https://login.microsoftonline.us'],
    [
      'china',
      'https://microsoftgraph.chinacloudapi.cn/v1.0',
      'https://login.partner.microsoftonline.cn',
    ],
  ])('of the cloud %s, with its hosts', (cloud, graphBaseUrl, authorityHost) => {
    expect(config({ GRAPH_CLOUD: cloud }).apps[0]).toMatchObject({
      cloud,
      graphBaseUrl,
      authorityHost,
    });
  });

  test.each([
    ['gcc', 'global'],
    ['gcc-high', 'us-gov-l4'],
    ['dod', 'us-gov-l5'],
  ])('of the cloud of Microsoft 365 %s, which is %s', (name, cloud) => {
    expect(config({ GRAPH_CLOUD: name }).apps).toEqual(config({ GRAPH_CLOUD: cloud }).apps);
  });

  test('of hosts of one’s own, in the clear on loopback only, without the slash at the end', () => {
    const env = {
      GRAPH_BASE_URL: 'http://127.0.0.1:9000/v1.0/',
      AZURE_AUTHORITY_HOST: 'https://entra.local:9443/',
    };
    expect(config(env).apps[0]).toMatchObject({
      graphBaseUrl: 'http://127.0.0.1:9000/v1.0',
      authorityHost: 'https://entra.local:9443',
    });
    const gateway = 'https://gateway.example/graph/beta';
    expect(config({ GRAPH_BASE_URL: `${gateway}//` }).apps[0]?.graphBaseUrl).toBe(gateway);
    expect(config({ GRAPH_BASE_URL: 'http://[::1]:9000/v1.0' }).apps[0]?.graphBaseUrl).toBe(
      'http://[::1]:9000/v1.0',
    );
  });

  test('of GUIDs in whichever case', () => {
    const upper = 'ABCDEF01-1111-4111-8111-111111111111';
    expect(config({ AZURE_TENANT_ID: upper }).apps[0]?.tenantId).toBe(upper.toLowerCase());
  });

  test('of secrets by their files: those that may be rotated by name, the others by content', async () => {
    const path = await aFile(`${SECRET}\n`);
    const { apps } = config({ AZURE_CLIENT_SECRET: undefined, AZURE_CLIENT_SECRET_FILE: path });
    expect(apps[0]?.credential).toEqual({ kind: 'secret', secret: { file: path } });
    const keys = await aFile(`${KEY}\n${KEY}2\n`, 'keys');
    expect(config({ API_KEYS_FILE: keys }).apiKeys).toEqual([KEY, `${KEY}2`]);
    const url = await aFile('redis://:p@redis.example:6379\n', 'url');
    expect(config({ REDIS_URL_FILE: url }).redisUrl).toBe('redis://:p@redis.example:6379');
  });

  test('of a certificate or a federated token', async () => {
    const path = await aFile(await aPem());
    const password = await aFile('pw', 'password');
    const none = { AZURE_CLIENT_SECRET: undefined };
    const certificate = { ...none, AZURE_CLIENT_CERTIFICATE_PATH: path };
    const credentialOf = (env: Env) => config(env).apps[0]?.credential;
    const expected = { kind: 'certificate', path, password: null, sendsChain: false };
    expect(credentialOf(certificate)).toEqual(expected);
    for (const yes of ['true', 'TRUE', '1']) {
      const env = { ...certificate, AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: yes };
      expect(credentialOf(env)).toEqual({ ...expected, sendsChain: true });
    }
    for (const no of ['false', '0', '']) {
      const env = { ...certificate, AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: no };
      expect(credentialOf(env)).toEqual(expected);
    }
    expect(credentialOf({ ...certificate, AZURE_CLIENT_CERTIFICATE_PASSWORD: 'pw' })).toEqual({
      ...expected,
      password: { value: 'pw' },
    });
    expect(
      credentialOf({ ...certificate, AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE: password }),
    ).toEqual({
      ...expected,
      password: { file: password },
    });
    expect(credentialOf({ ...none, AZURE_FEDERATED_TOKEN_FILE: path })).toEqual({
      kind: 'federated',
      tokenFile: path,
    });
  });
});

/** With its key encrypted, by the password `pass`. */
function encrypted(pem: string): string {
  const at = pem.indexOf('-----BEGIN CERT');
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc' } as const;
  const key = createPrivateKey(pem.slice(0, at)).export({ ...options, passphrase: 'pass' });
  return `${key}${pem.slice(at)}`;
}

async function aPem(): Promise<string> {
  const name = [{ name: 'commonName', value: 'bot' }];
  const { private: key, cert } = await generate(name, { algorithm: 'sha256' });
  return `${key}\n${cert}`;
}

const TRACED = {
  sampler: { name: 'parentbased_always_on', ratio: 1 },
  batch: {
    scheduledDelayMillis: 5_000,
    exportTimeoutMillis: 30_000,
    maxQueueSize: 2_048,
    maxExportBatchSize: 512,
  },
};
const NO_ROOM =
  'KEEPALIVE_INTERVAL leaves no room for retries: KEEPALIVE_DEADLINE must be at least 1.5 times as long';
const notADuration = (name: string, from: string, text: string) =>
  `${name} must be a duration such as 500ms, 5s, 15m or 1h, ${from}, not ${JSON.stringify(text)}`;
const badPercent = (name: string) =>
  `${name} must have its user and password percent-encoded: a bare % is %25`;
const badNoProxy = (name: string, item: string) =>
  `${name}: "${item}" is not a host, an address, or a network such as 10.0.0.0/8`;
const SOME_FILE = fileURLToPath(import.meta.url);
const ONE_CREDENTIAL =
  'give one credential: AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE';
const BAD_REDIS =
  'REDIS_URL must be redis://[user:password@]host[:port][/database], ' +
  'redis+sentinel://[user:password@]host[:port],…/group[/database] or ' +
  'redis+cluster://[user:password@]host[:port],…, each with rediss for TLS';
const BAD_KEYS = 'API_KEYS: each key must have at least 24 characters, none of them a space';
const BAD_BASE =
  'GRAPH_BASE_URL must be an https:// URL (http:// for loopback only) without credentials or query, and end in /v1.0 or /beta';
const BAD_AUTHORITY = 'AZURE_AUTHORITY_HOST must be an https:// URL without credentials or query';
const open = (host: string) =>
  `HOST ${host} can be reached from elsewhere: set API_KEYS, ACCESS_FILE or ENTRA_AUDIENCES, or AUTH=none if something in front of it checks who asks`;

describe('access to the API', () => {
  test.each<Env>([
    { API_KEYS: KEY },
    { ENTRA_AUDIENCES: `api://${CLIENT}`, ENTRA_TENANTS: TENANT },
  ])('is said by %j, and the replica may be reached from elsewhere', (env) => {
    expect(config({ HOST: '0.0.0.0', ...env }).host).toBe('0.0.0.0');
  });

  test('is said by a file, which may stand beside keys and tokens', async () => {
    const hash = 'a'.repeat(64);
    const text = `clients: [{ name: bot, keys: [{ hash: sha256:${hash} }], scopes: [read] }]`;
    const path = await aFile(text);
    expect(config({ HOST: '0.0.0.0', ACCESS_FILE: path, API_KEYS: KEY })).toMatchObject({
      apiKeys: [KEY],
      accessFile: { path, text, holders: [{ name: 'bot', scopes: ['read'] }] },
    });
  });

  test('reports each fault of a faulty file', async () => {
    const path = await aFile('clients: [{ name: bot, keys: [{}], scopes: [all] }]');
    expect(faults({ ACCESS_FILE: path })).toEqual([
      'ACCESS_FILE: line 1: clients[0].keys[0] lacks hash',
      'ACCESS_FILE: line 1: clients[0].scopes[0] must be one of read, track, admin',
    ]);
  });

  test.each([
    ['global', 'login.microsoftonline.com', 'https://sts.windows.net'],
    ['us-gov-l4', 'login.microsoftonline.us', 'https://sts.windows.net'],
    ['us-gov-l5', 'login.microsoftonline.us', 'https://sts.windows.net'],
    ['china', 'login.partner.microsoftonline.cn', 'https://sts.chinacloudapi.cn'],
  ])('by tokens of the cloud %s comes from its authority', (cloud, host, v1) => {
    const env = { GRAPH_CLOUD: cloud, ENTRA_AUDIENCES: CLIENT, ENTRA_TENANTS: TENANT };
    expect(config(env).entra).toEqual({
      audiences: [CLIENT],
      tenants: new Map([
        [
          TENANT,
          {
            openIdUrl: `https://${host}/${TENANT}/v2.0/.well-known/openid-configuration`,
            issuers: [`${v1}/${TENANT}/`, `https://${host}/${TENANT}/v2.0`],
          },
        ],
      ]),
    });
  });

  test('by tokens of an authority that is reached by another host is of both', () => {
    const { entra } = config({
      AZURE_AUTHORITY_HOST: 'https://entra.local:9443',
      ENTRA_AUDIENCES: `ABCDEF00-2222-4222-8222-222222222222, api://Callkeeper`,
      ENTRA_TENANTS: TENANT.toUpperCase(),
    });
    expect(entra?.audiences).toEqual(['abcdef00-2222-4222-8222-222222222222', 'api://Callkeeper']);
    expect(entra?.tenants.get(TENANT)).toEqual({
      openIdUrl: `https://entra.local:9443/${TENANT}/v2.0/.well-known/openid-configuration`,
      issuers: [
        `https://sts.windows.net/${TENANT}/`,
        `https://login.microsoftonline.com/${TENANT}/v2.0`,
        `https://entra.local:9443/${TENANT}/v2.0`,
      ],
    });
  });
});

describe('a bad environment is refused', () => {
  test.each<[Env, string[]]>([
    ...[
      'secret',
      SIGNING.replace('whsec_', ''),
      `${SIGNING}A`,
      `${SIGNING}==`,
      `whsec_${Buffer.alloc(23, 1).toString('base64')}`,
      `whsec_${Buffer.alloc(65, 1).toString('base64')}`,
      `${SIGNING},whsec_`,
      `${SIGNING}!`,
    ].map((WEBHOOK_SECRETS): [Env, string[]] => [
      { WEBHOOK_SECRETS },
      ['WEBHOOK_SECRETS: each must be whsec_ and 24 to 64 bytes in base64'],
    ]),
    ...['https://bot.example.com', '*', '*example.com', 'a.*.example.com', 'host:443'].map(
      (WEBHOOK_HOSTS): [Env, string[]] => [
        { WEBHOOK_SECRETS: SIGNING, WEBHOOK_HOSTS },
        ['WEBHOOK_HOSTS: each must be a host name, or *. and a host name'],
      ],
    ),
    ...['http://bot.example.com', 'bot.example.com', 'https://a:b@bot.example.com/'].map(
      (WEBHOOK_URL): [Env, string[]] => [
        { WEBHOOK_SECRETS: SIGNING, WEBHOOK_URL },
        ['WEBHOOK_URL must be an https:// URL without a user'],
      ],
    ),
    [
      { WEBHOOK_HOSTS: 'bot.example.com', WEBHOOK_ALLOW_PRIVATE: 'yes' },
      [
        'WEBHOOK_ALLOW_PRIVATE must be true or false, not "yes"',
        'WEBHOOK_SECRETS is missing: they sign the webhooks',
      ],
    ],
    ...[
      '9464',
      'metrics',
      ':',
      'a:b',
      ':65536',
      'a b:9464',
      '::1:9464',
      '[10.0.0.1]:9464',
      'http://a:1',
    ].map((METRICS_ADDRESS): [Env, string[]] => [
      { METRICS_ADDRESS },
      [`METRICS_ADDRESS must be host:port, [IPv6 address]:port or :port, not "${METRICS_ADDRESS}"`],
    ]),
    [
      { METRICS_ADDRESS: ':8080' },
      ['METRICS_ADDRESS is the address of the API (HOST and PORT): give it another port'],
    ],
    [
      {
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        OTEL_TRACES_SAMPLER: 'sometimes',
        OTEL_TRACES_SAMPLER_ARG: '5%',
      },
      [
        'OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not "grpc"',
        'OTEL_TRACES_SAMPLER must be one of always_on, parentbased_always_on, always_off, parentbased_always_off, traceidratio, parentbased_traceidratio, not "sometimes"',
        'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not "5%"',
      ],
    ],
    [
      { OTEL_TRACES_EXPORTER: 'jaeger' },
      ['OTEL_TRACES_EXPORTER must be one of otlp, none, not "jaeger"'],
    ],
    [{ PORT: '80a' }, ['PORT must be a whole number from 0 to 65535, not "80a"']],
    [{ PORT: '65536' }, ['PORT must be a whole number from 0 to 65535, not "65536"']],
    [{ PORT: '-1' }, ['PORT must be a whole number from 0 to 65535, not "-1"']],
    [{ PORT: '1e3' }, ['PORT must be a whole number from 0 to 65535, not "1e3"']],
    [{ PORT: '99999999999' }, ['PORT must be a whole number from 0 to 65535, not "99999999999"']],
    [
      { PORT: '8080\u001b[31m' },
      ['PORT must be a whole number from 0 to 65535, not "8080\\u001b[31m"'],
    ],
    ...['64', '256', 'x'].map((value): [Env, string[]] => [
      { WHEEL_SLOTS: value },
      ['WHEEL_SLOTS is gone: the wheel always has 256 slots. Remove the variable'],
    ]),
    [
      { GRAPH_CONNECTIONS: '2.5' },
      ['GRAPH_CONNECTIONS must be a whole number from 4 to 1024, not "2.5"'],
    ],
    [
      // One lane would have all of them.
      { GRAPH_CONNECTIONS: '3' },
      ['GRAPH_CONNECTIONS must be a whole number from 4 to 1024, not "3"'],
    ],
    [{ RATE_LIMIT: 'none' }, ['RATE_LIMIT must be a whole number from 1 to 1000000, not "none"']],
    [{ HOST: 'no host', AUTH: 'none' }, ['HOST must be an address or a host name, not "no host"']],
    [{ HOST: '[::1]', AUTH: 'none' }, ['HOST must be an address or a host name, not "[::1]"']],
    [{ HOST: '0.0.0.0' }, [open('0.0.0.0')]],
    [{ HOST: '::' }, [open('::')]],
    [{ HOST: '10.0.0.1' }, [open('10.0.0.1')]],
    [{ HOST: 'bot.example' }, [open('bot.example')]],
    [{ HOST: 'localhost.example' }, [open('localhost.example')]],
    [{ AUTH: 'basic' }, ['AUTH must be none, not "basic"']],
    [{ AUTH: 'none', API_KEYS: KEY }, ['AUTH=none contradicts API_KEYS: give one of them']],
    [
      { AUTH: 'none', ENTRA_AUDIENCES: CLIENT, ENTRA_TENANTS: TENANT },
      ['AUTH=none contradicts ENTRA_AUDIENCES: give one of them'],
    ],
    [
      { ENTRA_TENANTS: TENANT },
      ['ENTRA_AUDIENCES is missing: the audiences that tokens must have'],
    ],
    [
      { ENTRA_AUDIENCES: CLIENT },
      ['ENTRA_TENANTS is missing: the tenants whose tokens are accepted'],
    ],
    [
      { ENTRA_AUDIENCES: `${CLIENT},callkeeper`, ENTRA_TENANTS: TENANT },
      ["ENTRA_AUDIENCES: each must be the API's client id, a GUID, or its URI"],
    ],
    [
      { ENTRA_AUDIENCES: CLIENT, ENTRA_TENANTS: `${TENANT}, common` },
      ['ENTRA_TENANTS: each must be a GUID'],
    ],
    [{ ACCESS_FILE: '/no/such/file' }, ['ACCESS_FILE: /no/such/file cannot be read (ENOENT)']],
    [{ ACCESS_FILE: '/dev/zero' }, ['ACCESS_FILE: /dev/zero is not a regular file']],
    [{ API_KEYS: 'short' }, [BAD_KEYS]],
    [{ API_KEYS: `${KEY},short` }, [BAD_KEYS]],
    [{ API_KEYS: `${KEY} ${KEY}` }, [BAD_KEYS]],
    [{ API_KEYS: ' , ' }, ['API_KEYS holds no key']],
    [{ REDIS_URL: 'localhost:6379' }, [BAD_REDIS]],
    [{ REDIS_URL: 'http://localhost' }, [BAD_REDIS]],
    [{ REDIS_URL: 'redis://' }, [BAD_REDIS]],
    [{ REDIS_URL: 'redis://host/zero' }, [BAD_REDIS]],
    [
      { REDIS_URL: 'redis+sentinel://us%er@a:0,b/' },
      [
        'REDIS_URL must have user and password percent-encoded',
        'REDIS_URL must name the group that the Sentinels watch: …/group',
        'REDIS_URL must have host or host:port as its 1st host',
      ],
    ],
    [
      { REDIS_URL: 'redis+cluster://a/1' },
      ['REDIS_URL must have nothing after the hosts: a Cluster has one database'],
    ],
    [
      { LOG_LEVEL: 'loud' },
      ['LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "loud"'],
    ],
    [
      { GRAPH_CLOUD: 'germany' },
      [
        'GRAPH_CLOUD must be one of global, us-gov-l4, us-gov-l5, china, gcc, gcc-high, dod, not "germany"',
      ],
    ],
    [
      { GRAPH_CLOUD: '__proto__' },
      [
        'GRAPH_CLOUD must be one of global, us-gov-l4, us-gov-l5, china, gcc, gcc-high, dod, not "__proto__"',
      ],
    ],
    [{ AZURE_TENANT_ID: undefined }, ['AZURE_TENANT_ID is not set']],
    [{ AZURE_TENANT_ID: 'common' }, ['AZURE_TENANT_ID must be a GUID, not "common"']],
    [
      { AZURE_CLIENT_ID: 'x'.repeat(200) },
      [`AZURE_CLIENT_ID must be a GUID, not "${'x'.repeat(80)}…"`],
    ],
    [
      { AZURE_TENANT_ID: ZEROS, AZURE_CLIENT_ID: ZEROS },
      [`AZURE_TENANT_ID ${PLACEHOLDER}`, `AZURE_CLIENT_ID ${PLACEHOLDER}`],
    ],
    [
      { ENTRA_AUDIENCES: ZEROS, ENTRA_TENANTS: ZEROS },
      [`ENTRA_TENANTS ${PLACEHOLDER}`, `ENTRA_AUDIENCES ${PLACEHOLDER}`],
    ],
    [
      { TRUST_PROXY: 'proxy' },
      [
        'TRUST_PROXY: "proxy" must be an address, a network such as 10.0.0.0/8, or one of loopback, linklocal, uniquelocal',
      ],
    ],
    [{ AZURE_CLIENT_SECRET: undefined }, [ONE_CREDENTIAL]],
    [{ AZURE_FEDERATED_TOKEN_FILE: SOME_FILE }, [`${ONE_CREDENTIAL}, not several`]],
    [{ GRAPH_BASE_URL: 'http://graph.example/v1.0' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'graph.microsoft.com' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://user:pass@graph.example/v1.0' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://:pass@graph.example/v1.0' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://graph.example/v1.0?x=1' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://graph.example/v1' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://graph.example' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://graph.example/v1.0/communications' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://graph.example/V1.0' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://graph.example/xbeta' }, [BAD_BASE]],
    [{ GRAPH_BASE_URL: 'https://beta' }, [BAD_BASE]],
    [{ AZURE_AUTHORITY_HOST: 'http://127.0.0.1:9000' }, [BAD_AUTHORITY]],
    [{ HTTPS_PROXY: 'proxy:3128' }, ['HTTPS_PROXY must be an http:// or https:// URL']],
    [{ http_proxy: 'socks5://proxy' }, ['http_proxy must be an http:// or https:// URL']],
    [{ HTTPS_PROXY: 'http://bot:100%@proxy:3128' }, [badPercent('HTTPS_PROXY')]],
    [{ HTTP_PROXY: 'http://b%zzt:x@proxy:3128' }, [badPercent('HTTP_PROXY')]],
    [{ https_proxy: 'https://b:%e9@proxy:3128' }, [badPercent('https_proxy')]],
    [{ NO_PROXY: 'localhost,10.0.0.0/33' }, [badNoProxy('NO_PROXY', '10.0.0.0/33')]],
    [{ no_proxy: '10.*' }, [badNoProxy('no_proxy', '10.*')]],
    [{ NO_PROXY: 'http://a.example' }, [badNoProxy('NO_PROXY', 'http://a.example')]],
    [
      { AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: 'yes' },
      ['AZURE_CLIENT_SEND_CERTIFICATE_CHAIN must be true or false, not "yes"'],
    ],
    [{ KEEPALIVE_INTERVAL: '15' }, [notADuration('KEEPALIVE_INTERVAL', 'from 1s to 45m', '15')]],
    [
      { KEEPALIVE_INTERVAL: '999ms' },
      [notADuration('KEEPALIVE_INTERVAL', 'from 1s to 45m', '999ms')],
    ],
    [{ KEEPALIVE_DEADLINE: '46m' }, [notADuration('KEEPALIVE_DEADLINE', 'from 1s to 45m', '46m')]],
    [
      { KEEPALIVE_DEADLINE: 'soon' },
      [notADuration('KEEPALIVE_DEADLINE', 'from 1s to 45m', 'soon')],
    ],
    [{ SHUTDOWN_TIMEOUT: '1d' }, [notADuration('SHUTDOWN_TIMEOUT', 'from 100ms to 10m', '1d')]],
    [
      { OWNER_GRACE: '29s' },
      ['OWNER_GRACE must be at least 30s with this KEEPALIVE_INTERVAL, not "29s"'],
    ],
    [{ OWNER_GRACE: '25h' }, [notADuration('OWNER_GRACE', 'from 0ms to 24h', '25h')]],
    [{ KEEPALIVE_INTERVAL: '31m' }, [NO_ROOM]],
    [{ KEEPALIVE_INTERVAL: '10s', KEEPALIVE_DEADLINE: '14999ms' }, [NO_ROOM]],
  ])('for %j', (env, expected) => {
    expect(faults(env)).toEqual(expected);
  });

  test.each([
    ['REDIS_URL_FILE', {}],
    ['API_KEYS_FILE', {}],
    ['AZURE_CLIENT_SECRET_FILE', { AZURE_CLIENT_SECRET: undefined }],
    ['AZURE_CLIENT_CERTIFICATE_PATH', { AZURE_CLIENT_SECRET: undefined }],
    ['AZURE_FEDERATED_TOKEN_FILE', { AZURE_CLIENT_SECRET: undefined }],
  ])('for a missing or irregular file of %s, and for nothing else', (name, env) => {
    const path = join(directory, 'none');
    expect(faults({ ...env, [name]: path })).toEqual([`${name}: ${path} cannot be read (ENOENT)`]);
    expect(faults({ ...env, [name]: '/dev/zero' })).toEqual([
      `${name}: /dev/zero is not a regular file`,
    ]);
  });

  test.each<[string, (pem: string) => string, Env, string]>([
    ['literal \\n', (pem) => pem.replaceAll('\n', '\\n'), {}, 'the file has literal \\n'],
    ['no key', (pem) => pem.slice(pem.indexOf('-----BEGIN CERT')), {}, 'there is no private key'],
    ['an encrypted key', encrypted, {}, 'its key is encrypted, and there is no password for it'],
    [
      'a wrong password',
      encrypted,
      { AZURE_CLIENT_CERTIFICATE_PASSWORD: 'x' },
      'its password is wrong',
    ],
    ['anything else', () => 'PEM', {}, 'it is neither PEM nor PFX'],
  ])('for a certificate with %s, before its first use', async (_, spoil, env, reason) => {
    const path = await aFile(spoil(await aPem()));
    const told = faults({
      ...env,
      AZURE_CLIENT_SECRET: undefined,
      AZURE_CLIENT_CERTIFICATE_PATH: path,
    });
    const is = `AZURE_CLIENT_CERTIFICATE_PATH: ${path} holds no certificate with its private key: `;
    expect(told).toEqual([expect.stringContaining(`${is}${reason}`)]);
  });

  test('once for the password of a certificate that cannot be read', async () => {
    const env = {
      AZURE_CLIENT_SECRET: undefined,
      AZURE_CLIENT_CERTIFICATE_PATH: await aFile(encrypted(await aPem())),
      AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE: join(directory, 'none'),
    };
    expect(faults(env)).toEqual([
      `AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE: ${join(directory, 'none')} cannot be read (ENOENT)`,
    ]);
  });

  test.each(['REDIS_URL', 'API_KEYS', 'AZURE_CLIENT_SECRET'])(
    'for %s and its file together',
    async (name) => {
      const path = await aFile(name === 'REDIS_URL' ? 'redis://redis' : KEY);
      const value = name === 'REDIS_URL' ? 'redis://redis' : KEY;
      expect(faults({ [name]: value, [`${name}_FILE`]: path })).toEqual([
        `${name} and ${name}_FILE: give one of them`,
      ]);
    },
  );

  test('with every fault in one message, a line each', () => {
    const attempt = () =>
      readConfig({ PORT: 'x', LOG_LEVEL: 'y', HOST: '0.0.0.0', KEEPALIVE_INTERVAL: '40m' });
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow(
      [
        'the environment is not usable:',
        `  - ${NO_ROOM}`,
        '  - PORT must be a whole number from 0 to 65535, not "x"',
        '  - AZURE_TENANT_ID is not set',
        '  - AZURE_CLIENT_ID is not set',
        `  - ${ONE_CREDENTIAL}`,
        `  - ${open('0.0.0.0')}`,
        '  - LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "y"',
      ].join('\n'),
    );
  });
});

describe('several apps', () => {
  const text = [
    'apps:',
    '  - name: one',
    '    default: true',
    `    tenantId: ${TENANT}`,
    `    clientId: ${CLIENT}`,
    '    credential: { managedIdentity: system }',
    '  - name: two',
    '    cloud: china',
    `    tenantId: ${TENANT}`,
    `    clientId: ${CLIENT}`,
    '    credential: { clientSecretFile: secret }',
    '',
  ].join('\n');

  test('are those of APPS_FILE, whatever else of an app Azure sets in a pod', async () => {
    const path = await aFile(text, 'apps.yaml');
    const secret = await aFile(SECRET, 'secret');
    const read = readConfig({
      APPS_FILE: path,
      GRAPH_BASE_URL: 'http://127.0.0.1:9000/v1.0',
      AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
      AZURE_TENANT_ID: 'not-used',
      AZURE_CLIENT_ID: 'not-used',
      AZURE_FEDERATED_TOKEN_FILE: '/not/used',
    });
    expect(read.defaultApp).toBe('one');
    expect(read.webhooks).toEqual({
      secrets: [],
      hosts: [],
      defaultUrl: null,
      allowPrivate: false,
    });
    expect(read.apps).toMatchObject([
      {
        name: 'one',
        graphBaseUrl: 'http://127.0.0.1:9000/v1.0',
        authorityHost: 'https://login.microsoftonline.com',
      },
      {
        name: 'two',
        credential: { secret: { file: secret } },
        graphBaseUrl: 'https://microsoftgraph.chinacloudapi.cn/v1.0',
        authorityHost: 'https://login.partner.microsoftonline.cn',
      },
    ]);
    expect(read.appsFile).toMatchObject({ path, text });
  });

  test('and one by a credential in the environment contradict each other', async () => {
    const path = await aFile(text, 'apps.yaml');
    await aFile(SECRET, 'secret');
    const contradicts = (name: string) =>
      `${name} contradicts APPS_FILE, whose apps have their own credentials`;
    const names = [
      'AZURE_CLIENT_SECRET',
      'AZURE_CLIENT_SECRET_FILE',
      'AZURE_CLIENT_CERTIFICATE_PATH',
      'AZURE_CLIENT_CERTIFICATE_PASSWORD',
      'AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE',
      'AZURE_CLIENT_SEND_CERTIFICATE_CHAIN',
    ];
    for (const name of names) {
      expect(faultsOf({ APPS_FILE: path, [name]: SECRET })).toEqual([contradicts(name)]);
    }
  });

  test('have all their faults among those of the environment, or that of the file', async () => {
    const path = await aFile(text.replace('cloud: china', 'cloud: moon'), 'apps.yaml');
    expect(faultsOf({ APPS_FILE: path, PORT: 'x' })).toEqual([
      'PORT must be a whole number from 0 to 65535, not "x"',
      'APPS_FILE: line 8: apps[1].cloud must be one of global, us-gov-l4, us-gov-l5, china, gcc, gcc-high, dod',
      'APPS_FILE: line 11: apps[1].credential.clientSecretFile names a file that cannot be read (ENOENT)',
    ]);
    const none = join(directory, 'none.yaml');
    expect(faultsOf({ APPS_FILE: none })).toEqual([`APPS_FILE: ${none} cannot be read (ENOENT)`]);
    const empty = await aFile(' \n', 'empty.yaml');
    expect(faultsOf({ APPS_FILE: empty })).toEqual([`APPS_FILE: ${empty} is empty`]);
  });
});

describe('a secret', () => {
  const SECRETS = [
    'AZURE_CLIENT_SECRET',
    'AZURE_CLIENT_CERTIFICATE_PASSWORD',
    'API_KEYS',
    'REDIS_URL',
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'GRAPH_BASE_URL',
    'AZURE_AUTHORITY_HOST',
  ];
  const aSecret = fc.stringMatching(/^[A-Za-z0-9~._-]{8,40}$/).map((text) => `s3cr3t${text}`);
  /** The place of a secret in a value: alone, among others, or in a URL, right or wrong. */
  const around = fc.constantFrom(
    (secret: string) => secret,
    (secret: string) => `${secret},short`,
    (secret: string) => `redis://user:${secret}@host:bad/x`,
    (secret: string) => `redis://:${secret}@host:6379/x`,
    (secret: string) => `https://user:${secret}@host/`,
    (secret: string) => `ftp://user:${secret}@host/`,
    (secret: string) => `https://host/?${secret}`,
  );

  test('is never in a message, whatever is wrong', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...SECRETS), fc.tuple(aSecret, around)),
        fc.boolean(),
        (given, isWrong) => {
          const env: Env = { ...(isWrong ? { PORT: 'x' } : GOOD) };
          for (const [name, [secret, place]] of Object.entries(given)) env[name] = place(secret);
          try {
            readConfig(env);
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
            const told = [
              error.message,
              error.stack,
              JSON.stringify(error),
              ...error.faults,
            ].join();
            for (const [secret] of Object.values(given)) expect(told).not.toContain(secret);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('in a file is not in a message either', async () => {
    const path = await aFile(`${SECRET} with a space`);
    const told = faults({ API_KEYS_FILE: path, REDIS_URL_FILE: path, HOST: '0.0.0.0' }).join();
    expect(told).toContain(BAD_KEYS.replace('API_KEYS:', 'API_KEYS_FILE:'));
    expect(told).toContain(BAD_REDIS.replace('REDIS_URL must', 'REDIS_URL_FILE: must'));
    expect(told).not.toContain(SECRET);
  });
});

describe('the durations of any interval and deadline that are accepted', () => {
  const accepted = fc
    .record({
      intervalMs: fc.integer({ min: 1_000, max: 1_800_000 }),
      deadlineMs: fc.integer({ min: 1_500, max: 2_700_000 }),
    })
    .filter(
      ({ intervalMs, deadlineMs }) =>
        faults({ KEEPALIVE_INTERVAL: `${intervalMs}ms`, KEEPALIVE_DEADLINE: `${deadlineMs}ms` })
          .length === 0,
    );

  test('are positive, and leave time between a missed turn and the deadline', () => {
    fc.assert(
      fc.property(accepted, ({ intervalMs, deadlineMs }) => {
        const { graph, ...rest } = durationsFor(intervalMs, deadlineMs);
        for (const ms of Object.values({ ...rest, ...graph })) expect(ms).toBeGreaterThan(0);
        const slackMs = deadlineMs - intervalMs;
        expect(rest.watchGraceMs + graph.totalMs).toBeLessThan(slackMs);
        expect(latestCatchUpMs(intervalMs, deadlineMs)).toBeLessThan(slackMs);
        expect(rest.heartbeatTtlMs).toBeGreaterThanOrEqual(2 * rest.heartbeatMs);
        expect(graph.connectMs).toBeLessThanOrEqual(graph.totalMs);
        for (const ms of [rest.lockMs, rest.heartbeatTtlMs])
          expect(Number.isInteger(ms)).toBe(true);
      }),
    );
  });

  test('at 15 and 45 minutes are those that the pages name', () => {
    expect(durationsFor(900_000, 2_700_000)).toMatchObject({
      lookOverMs: 30_000,
      lockMs: 30_000,
      heartbeatMs: 10_000,
    });
  });
});
