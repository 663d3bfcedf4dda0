import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { EntraTenant } from './access/entra-tokens.ts';
import type { KeyHolder } from './access/key-ring.ts';
import { readAccess } from './config/access-file.ts';
import { type AppsFile, readApps } from './config/apps-file.ts';
import { FileError, readDocument } from './config/bounded-file.ts';
import { GUID, isLoopback, isServiceUrl } from './config/checks.ts';
import { DocumentError } from './config/yaml-reader.ts';
import type { App, Credential, Secret } from './graph/app.ts';
import { CLOUDS, type CloudName } from './graph/clouds.ts';
import { parseRedisUrl, RedisUrlError } from './store/address.ts';

/** What one replica is told by its environment. Durations in ms. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Where the metrics are, and then nowhere else; null: at `host` and `port`, with the API. */
  readonly metricsAddress: Address | null;
  /** See `parseRedisUrl`; null: a redis-server of the daemon's own. */
  readonly redisUrl: string | null;
  readonly dataDir: string;
  readonly apps: readonly App[];
  readonly defaultApp: string;
  /** Where the apps are from, with its content as they were read; null: from the environment. */
  readonly appsFile: (AppsFile & { readonly text: string }) | null;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  readonly slots: number;
  readonly rosterMaxCalls: number;
  readonly graphConnections: number;
  readonly proxy: Proxy;
  /** Where neither these, nor the file, nor Entra's tokens are: on loopback, or AUTH=none. */
  readonly apiKeys: readonly string[] | null;
  readonly accessFile: AccessFile | null;
  readonly entra: EntraAccess | null;
  /** None of these, and no AUTH=none: this machine alone is to ask. */
  readonly loopbackOnly: boolean;
  /** null: nobody is told by webhook. Apps may have some at any time where there is APPS_FILE. */
  readonly webhooks: WebhookConfig | null;
  readonly requestsPerSecond: number;
  readonly logLevel: string;
  readonly shutdownMs: number;
  /** null: no traces. */
  readonly tracing: TracingConfig | null;
  /** How Graph's token on notifications is checked; null: it is not. */
  readonly notificationsJwt: NotificationsJwt | null;
}

export interface Address {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** Who has which keys, with the content that it was read from. */
export interface AccessFile {
  readonly path: string;
  readonly text: string;
  readonly holders: readonly KeyHolder[];
}

/** Whose access tokens count, and what they have to be for. */
export interface EntraAccess {
  readonly audiences: readonly string[];
  readonly tenants: ReadonlyMap<string, EntraTenant>;
}

export interface NotificationsJwt {
  readonly openIdUrl: string;
  readonly issuers: readonly string[];
  /** null: the client ids of the apps. */
  readonly audiences: readonly string[] | null;
}

export interface WebhookConfig {
  /** `whsec_` and base64, as Standard Webhooks has them; none where only apps have some. */
  readonly secrets: readonly string[];
  /** Names in lower case, also as `*.example.com`. */
  readonly hosts: readonly string[];
  readonly defaultUrl: string | null;
  readonly allowPrivate: boolean;
}

/** As OpenTelemetry's own variables have it; where traces go is read by its exporter itself. */
export interface TracingConfig {
  readonly sampler: { readonly name: string; readonly ratio: number };
  /** In ms, and in spans. */
  readonly batch: {
    readonly scheduledDelayMillis: number;
    readonly exportTimeoutMillis: number;
    readonly maxQueueSize: number;
    readonly maxExportBatchSize: number;
  };
}

export interface Proxy {
  readonly http: string | null;
  readonly https: string | null;
  readonly no: string | null;
}

/** Every fault of the environment; `message` lists them, a line each. */
export class ConfigError extends Error {
  readonly code = 'CONFIG';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the environment is not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

const CREDENTIAL_VARIABLES = [
  'AZURE_CLIENT_SECRET',
  'AZURE_CLIENT_SECRET_FILE',
  'AZURE_CLIENT_CERTIFICATE_PATH',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE',
];

type CloudHosts = Omit<AppsFile, 'path'>;
type AccessConfig = Pick<Config, 'apiKeys' | 'accessFile' | 'entra'>;
/** Of a file that is faulty, and therefore never used. */
const NO_ACCESS: AccessFile = { path: '', text: '', holders: [] };

type Env = Readonly<Record<string, string | undefined>>;

/** Of an application id: https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions */
const URI = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,255}$/i;
const HOST_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;
const WEBHOOK_HOST = /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];
const SAMPLERS = ['always_on', 'always_off', 'traceidratio'].flatMap((name) => [
  name,
  `parentbased_${name}`,
]);
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** Graph ends a call 45 minutes after the last success. https://learn.microsoft.com/graph/api/call-keepalive */
const GRAPH_DEADLINE_MS = 45 * 60_000;

const GRAPH_ISSUERS = ['https://api.botframework.com', 'https://graph.microsoft.com'];

/** Throws {@link ConfigError} with all that is wrong. Values of secrets are never in a message. */
export function readConfig(env: Env): Config {
  const read = new Reader(env);
  const intervalMs = read.duration('KEEPALIVE_INTERVAL', '15m', 1_000, GRAPH_DEADLINE_MS);
  const deadlineMs = read.duration('KEEPALIVE_DEADLINE', '45m', 1_000, GRAPH_DEADLINE_MS);
  if (deadlineMs < 1.5 * intervalMs) {
    read.fault(
      'KEEPALIVE_INTERVAL leaves no room for retries: KEEPALIVE_DEADLINE must be at least 1.5 times as long',
    );
  }
  const host = read.host();
  const hosts = read.hosts();
  const access = read.access(hosts);
  const loopbackOnly = read.auth(host, access);
  const configured = read.apps(hosts);
  const port = read.integer('PORT', 8080, 0, 65_535);
  const config: Config = {
    host,
    port,
    metricsAddress: read.metricsAddress({ host, port }),
    redisUrl: read.redisUrl(),
    dataDir: read.text('DATA_DIR') ?? '.data',
    ...configured,
    intervalMs,
    deadlineMs,
    slots: read.integer('WHEEL_SLOTS', 256, 1, 4_096),
    rosterMaxCalls: read.integer('ROSTER_MAX_CALLS', 2_000_000, 1, 100_000_000),
    graphConnections: read.integer('GRAPH_CONNECTIONS', 64, 1, 1_024),
    proxy: {
      http: read.proxy('HTTP_PROXY'),
      https: read.proxy('HTTPS_PROXY'),
      no: read.text('NO_PROXY') ?? read.text('no_proxy'),
    },
    ...access,
    loopbackOnly,
    webhooks: read.webhooks(),
    requestsPerSecond: read.integer('RATE_LIMIT', 1_000, 1, 1_000_000),
    logLevel: read.oneOf('LOG_LEVEL', LEVELS, 'info'),
    shutdownMs: read.duration('SHUTDOWN_TIMEOUT', '25s', 100, 600_000),
    notificationsJwt: read.notificationsJwt(),
    tracing: read.tracing(),
  };
  read.throwFaults();
  return Object.freeze(config);
}

/** Where a daemon is, and the key to show there, for those that ask one. */
export interface RemoteConfig {
  readonly urls: readonly string[];
  /** Also an access token of Entra. */
  readonly apiKey: string | null;
}

/**
 * @param given URLs that count instead of those in the environment
 * @throws ConfigError with all that is wrong
 */
export function readRemoteConfig(env: Env, given: readonly string[] = []): RemoteConfig {
  const read = new Reader(env);
  const remote = { urls: read.remoteUrls(given), apiKey: read.remoteKey() };
  read.throwFaults();
  return remote;
}

/** Reads variables and gathers faults; what a faulty one gives is never used. */
class Reader {
  readonly #env: Env;
  readonly #faults: string[] = [];

  constructor(env: Env) {
    this.#env = env;
  }

  fault(message: string): void {
    this.#faults.push(message);
  }

  throwFaults(): void {
    if (this.#faults.length > 0) throw new ConfigError(this.#faults);
  }

  /** An empty variable counts as unset: that is how compose files leave things out. */
  text(name: string): string | null {
    const value = this.#env[name]?.trim();
    return value ? value : null;
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    this.fault(`${name} must be a whole number from ${least} to ${most}, not ${quote(text)}`);
    return fallback;
  }

  duration(name: string, fallback: string, leastMs: number, mostMs: number): number {
    const text = this.text(name) ?? fallback;
    const match = /^(\d{1,9})(ms|s|m|h)$/.exec(text);
    const value = match ? Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN) : Number.NaN;
    if (value >= leastMs && value <= mostMs) return value;
    this.fault(
      `${name} must be a duration such as 500ms, 5s, 15m or 1h, from ${leastMs} ms to ${mostMs / 1_000} s, not ${quote(text)}`,
    );
    return Number.NaN; // of which no rule between variables holds
  }

  oneOf(name: string, values: readonly string[], fallback: string): string {
    const text = this.text(name);
    if (text === null || values.includes(text)) return text ?? fallback;
    this.fault(`${name} must be one of ${values.join(', ')}, not ${quote(text)}`);
    return fallback;
  }

  host(): string {
    const host = this.text('HOST') ?? '127.0.0.1';
    if (!isHostName(host)) {
      this.fault(`HOST must be an address or a host name, not ${quote(host)}`);
    }
    return host;
  }

  metricsAddress(api: Address): Address | null {
    const text = this.text('METRICS_ADDRESS');
    if (text === null) return null;
    const [, bracketed, plain, digits = ''] =
      /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
    const host = (bracketed ?? plain) || api.host;
    const isHost = bracketed === undefined ? isHostName(host) : isIP(host) === 6;
    const port = Number(digits);
    if (digits === '' || port > 65_535 || !isHost) {
      this.fault(
        `METRICS_ADDRESS must be host:port, [IPv6 address]:port or :port, not ${quote(text)}`,
      );
    } else if (host === api.host && port === api.port && port > 0) {
      this.fault('METRICS_ADDRESS is where the API is (HOST and PORT): give it another port');
    }
    return { host, port };
  }

  /** A secret given in place, or by the file that NAME_FILE names, which must be there now. */
  secret(name: string): Secret | null {
    const value = this.text(name);
    const file = this.text(`${name}_FILE`);
    if (value !== null && file !== null) this.fault(`${name} and ${name}_FILE: give one of them`);
    if (value !== null) return { value };
    if (file === null) return null;
    this.#contents(`${name}_FILE`, file);
    return { file };
  }

  /** Of a secret that is read once, at the start. */
  secretText(name: string): string | null {
    const secret = this.secret(name);
    if (secret === null) return null;
    return 'value' in secret ? secret.value : this.#contents(`${name}_FILE`, secret.file, false);
  }

  redisUrl(): string | null {
    const text = this.secretText('REDIS_URL');
    if (text === null) return null;
    try {
      parseRedisUrl(text);
      return text;
    } catch (error) {
      if (!(error instanceof RedisUrlError)) throw error;
      for (const fault of error.faults) this.fault(`REDIS_URL ${fault}`);
      return null;
    }
  }

  apiKeys(): string[] | null {
    const text = this.secretText('API_KEYS');
    if (text === null) return null;
    const keys = text.split(/[,\n]/).map((key) => key.trim());
    const given = keys.filter((key) => key !== '');
    if (given.length === 0) this.fault('API_KEYS holds no key');
    if (given.some((key) => !/^[\x21-\x7e]{24,512}$/.test(key))) {
      this.fault('API_KEYS: each key must have at least 24 characters, none of them a space');
    }
    return given;
  }

  /** By default the daemon that has this very environment. */
  remoteUrls(given: readonly string[]): readonly string[] {
    const named = this.#list(this.text('CALLKEEPER_URL'));
    const urls = given.length > 0 ? given : named;
    if (urls.some((text) => !isRemoteUrl(text))) {
      const name = given.length > 0 ? '--url' : 'CALLKEEPER_URL';
      this.fault(`${name} must be http:// or https:// URLs without credentials or query`);
    }
    if (urls.length > 0) return urls;
    const host = this.host();
    const here = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
    const port = this.integer('PORT', 8080, 1, 65_535);
    return [`http://${here.includes(':') ? `[${here}]` : here}:${port}`];
  }

  remoteKey(): string | null {
    const key = this.secretText('CALLKEEPER_API_KEY');
    if (key !== null && !/^[\x21-\x7e]{1,16384}$/.test(key)) {
      this.fault('CALLKEEPER_API_KEY must be one key or token, without a space in it');
    }
    return key;
  }

  access(hosts: CloudHosts): AccessConfig {
    return { apiKeys: this.apiKeys(), accessFile: this.accessFile(), entra: this.entra(hosts) };
  }

  accessFile(): AccessFile | null {
    const path = this.text('ACCESS_FILE');
    if (path === null) return null;
    return this.#document('ACCESS_FILE', path, NO_ACCESS, (text) => ({
      path,
      text,
      holders: readAccess(text),
    }));
  }

  entra(hosts: CloudHosts): EntraAccess | null {
    const audiences = this.#list(this.text('ENTRA_AUDIENCES')).map((text) =>
      GUID.test(text) ? text.toLowerCase() : text,
    );
    const tenants = this.#list(this.text('ENTRA_TENANTS')).map((id) => id.toLowerCase());
    if (tenants.some((id) => !GUID.test(id))) this.fault('ENTRA_TENANTS: each must be a GUID');
    if (audiences.some((audience) => !GUID.test(audience) && !URI.test(audience))) {
      this.fault("ENTRA_AUDIENCES: each must be the API's client id, a GUID, or its URI");
    }
    if (audiences.length === 0 && tenants.length === 0) return null;
    if (audiences.length === 0) this.fault('ENTRA_AUDIENCES is missing: what tokens must be for');
    if (tenants.length === 0) this.fault('ENTRA_TENANTS is missing: whose tokens count');
    return { audiences, tenants: new Map(tenants.map((id) => [id, entraTenant(id, hosts)])) };
  }

  /** @returns whether this machine alone is to ask */
  auth(host: string, access: AccessConfig): boolean {
    const auth = this.text('AUTH');
    const [given] = [
      access.apiKeys && 'API_KEYS',
      access.accessFile && 'ACCESS_FILE',
      access.entra && 'ENTRA_AUDIENCES',
    ].filter((name) => name !== null);
    if (auth !== null && auth !== 'none') {
      this.fault(`AUTH can only be none, not ${quote(auth)}`);
    } else if (auth === 'none' && given !== undefined) {
      this.fault(`AUTH=none contradicts ${given}: give one of them`);
    } else if (auth === null && given === undefined && !isLoopback(host)) {
      this.fault(
        `HOST ${host} can be reached from elsewhere: set API_KEYS, ACCESS_FILE or ENTRA_AUDIENCES, or AUTH=none where something in front of it checks who asks`,
      );
    }
    return auth === null && given === undefined;
  }

  webhooks(): WebhookConfig | null {
    const secrets = this.#list(this.secretText('WEBHOOK_SECRETS'));
    const hosts = this.#list(this.text('WEBHOOK_HOSTS')).map((host) => host.toLowerCase());
    const defaultUrl = this.text('WEBHOOK_URL');
    const allowPrivate = this.oneOf('WEBHOOK_ALLOW_PRIVATE', ['true', 'false'], 'false') === 'true';
    if (secrets.some((secret) => !isWebhookSecret(secret))) {
      this.fault('WEBHOOK_SECRETS: each must be whsec_ and 24 to 64 bytes in base64');
    }
    if (hosts.some((host) => !WEBHOOK_HOST.test(host) && isIP(host) === 0)) {
      this.fault('WEBHOOK_HOSTS: each must be a host name, or *. and a host name');
    }
    const url = defaultUrl === null ? null : URL.parse(defaultUrl);
    if (defaultUrl !== null && (url?.protocol !== 'https:' || url.username || url.password)) {
      this.fault('WEBHOOK_URL must be an https:// URL without a user');
    }
    const webhooks = { secrets, hosts, defaultUrl, allowPrivate };
    if (secrets.length > 0) return webhooks;
    const ofApps = this.text('APPS_FILE') !== null;
    if (defaultUrl !== null || (hosts.length > 0 && !ofApps)) {
      this.fault('WEBHOOK_SECRETS is missing: with it webhooks are signed');
    }
    return ofApps ? webhooks : null;
  }

  #list(text: string | null): string[] {
    return (text ?? '')
      .split(/[,\n]/)
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  proxy(name: string): string | null {
    const text = this.text(name) ?? this.text(name.toLowerCase());
    if (text === null || /^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text;
    this.fault(`${name} must be an http:// or https:// URL`);
    return null;
  }

  apps(hosts: CloudHosts): Pick<Config, 'apps' | 'defaultApp' | 'appsFile'> {
    const path = this.text('APPS_FILE');
    if (path !== null) return this.#appsOf({ path, ...hosts });
    const app: App = {
      name: 'default',
      tenantId: this.#guid('AZURE_TENANT_ID'),
      clientId: this.#guid('AZURE_CLIENT_ID'),
      credential: this.#credential(),
      ...hosts,
      webhook: null,
    };
    return { apps: [app], defaultApp: app.name, appsFile: null };
  }

  /** Of the cloud that GRAPH_CLOUD names. */
  hosts(): CloudHosts {
    const cloud = this.oneOf('GRAPH_CLOUD', Object.keys(CLOUDS), 'global') as CloudName;
    const hosts = CLOUDS[cloud];
    return {
      cloud,
      graphBaseUrl: this.#url('GRAPH_BASE_URL', `https://${hosts.graphHost}/v1.0`, true),
      authorityHost: this.#url('AZURE_AUTHORITY_HOST', `https://${hosts.authorityHost}`, false),
    };
  }

  /**
   * A credential in the environment would be one that somebody takes for used. The other
   * variables of an app may stand there: Azure's workload identity sets them in each pod.
   */
  #appsOf(file: AppsFile): Pick<Config, 'apps' | 'defaultApp' | 'appsFile'> {
    const given = CREDENTIAL_VARIABLES.filter((name) => this.text(name) !== null);
    for (const name of given) {
      this.fault(`${name} contradicts APPS_FILE, whose apps have their own credentials`);
    }
    const none = { apps: [], defaultApp: '', appsFile: { ...file, text: '' } };
    return this.#document('APPS_FILE', file.path, none, (text) => ({
      ...readApps(text, file),
      appsFile: { ...file, text },
    }));
  }

  /** What is read of a file that a variable names; `none` where it is faulty. */
  #document<T>(name: string, path: string, none: T, read: (text: string) => T): T {
    try {
      return read(readDocument(path));
    } catch (error) {
      if (error instanceof DocumentError) {
        for (const fault of error.faults) this.fault(`${name}: ${fault}`);
      } else if (error instanceof FileError) {
        this.fault(`${name}: ${path} ${error.reason}`);
      } else throw error;
      return none;
    }
  }

  #credential(): Credential {
    const secret = this.secret('AZURE_CLIENT_SECRET');
    const path = this.text('AZURE_CLIENT_CERTIFICATE_PATH');
    const password = this.secret('AZURE_CLIENT_CERTIFICATE_PASSWORD');
    const tokenFile = this.text('AZURE_FEDERATED_TOKEN_FILE');
    if (path !== null) this.#contents('AZURE_CLIENT_CERTIFICATE_PATH', path);
    if (tokenFile !== null) this.#contents('AZURE_FEDERATED_TOKEN_FILE', tokenFile);
    const given: (Credential | null)[] = [
      secret && { kind: 'secret', secret },
      path === null ? null : { kind: 'certificate', path, password },
      tokenFile === null ? null : { kind: 'federated', tokenFile },
    ];
    const [credential, another] = given.filter((one) => one !== null);
    if (!credential || another) {
      this.fault(
        'give one credential: AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE' +
          (another ? ', not several' : ''),
      );
    }
    return credential ?? { kind: 'secret', secret: { value: '' } };
  }

  /** Defaults: https://learn.microsoft.com/microsoftteams/platform/bots/calls-and-meetings/call-notifications */
  notificationsJwt(): NotificationsJwt | null {
    const mode = this.oneOf('NOTIFICATIONS_JWT', ['off', 'required'], 'off');
    const openIdUrl = this.#url(
      'NOTIFICATIONS_OPENID_URL',
      'https://api.aps.skype.com/v1/.well-known/OpenIdConfiguration',
      true,
    );
    const issuers = this.#list(this.text('NOTIFICATIONS_ISSUERS'));
    const audiences = this.#list(this.text('NOTIFICATIONS_AUDIENCES'));
    if (mode === 'off') return null;
    return {
      openIdUrl,
      issuers: issuers.length > 0 ? issuers : GRAPH_ISSUERS,
      audiences: audiences.length > 0 ? audiences : null,
    };
  }

  /** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
  tracing(): TracingConfig | null {
    const wanted =
      this.text('OTEL_EXPORTER_OTLP_ENDPOINT') ?? this.text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
    const exporter = this.text('OTEL_TRACES_EXPORTER') ?? (wanted === null ? 'none' : 'otlp');
    if (exporter === 'none' || this.text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true')
      return null;
    this.oneOf('OTEL_TRACES_EXPORTER', ['otlp', 'none'], 'otlp');
    for (const name of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']) {
      this.oneOf(name, ['http/protobuf'], 'http/protobuf');
    }
    return {
      sampler: {
        name: this.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on'),
        ratio: this.#share('OTEL_TRACES_SAMPLER_ARG', 1),
      },
      batch: {
        scheduledDelayMillis: this.integer('OTEL_BSP_SCHEDULE_DELAY', 5_000, 1, 600_000),
        exportTimeoutMillis: this.integer('OTEL_BSP_EXPORT_TIMEOUT', 30_000, 1, 600_000),
        maxQueueSize: this.integer('OTEL_BSP_MAX_QUEUE_SIZE', 2_048, 1, 1_000_000),
        maxExportBatchSize: this.integer('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, 1, 1_000_000),
      },
    };
  }

  #share(name: string, fallback: number): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const value = /^\d?\.?\d{1,17}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 0 && value <= 1) return value;
    this.fault(`${name} must be a number from 0 to 1, not ${quote(text)}`);
    return fallback;
  }

  #guid(name: string): string {
    const text = this.text(name);
    if (text !== null && GUID.test(text)) return text.toLowerCase();
    this.fault(text === null ? `${name} is not set` : `${name} must be a GUID, not ${quote(text)}`);
    return '';
  }

  /** Tokens and secrets go there: in the clear to this machine only, if at all. */
  #url(name: string, fallback: string, mayBeHttp: boolean): string {
    const text = this.text(name) ?? fallback;
    if (!isServiceUrl(text, mayBeHttp)) {
      const plain = mayBeHttp ? ' (http:// for loopback only)' : '';
      this.fault(`${name} must be an https:// URL${plain} without credentials or query`);
    }
    return text.replace(/\/+$/, '');
  }

  #contents(name: string, file: string, tell = true): string | null {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (error) {
      if (tell) {
        const { code } = error as NodeJS.ErrnoException;
        this.fault(`${name}: ${file} cannot be read (${code})`);
      }
      return null;
    }
  }
}

/**
 * Where a tenant's keys are named, and what issues its tokens, in both versions of them;
 * they name the cloud's own authority also where that is reached by another.
 * https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats
 */
function entraTenant(id: string, { cloud, authorityHost }: CloudHosts): EntraTenant {
  const { v1Issuer, authorityHost: itsOwn } = CLOUDS[cloud];
  const authorities = new Set([`https://${itsOwn}`, authorityHost]);
  return {
    openIdUrl: `${authorityHost}/${id}/v2.0/.well-known/openid-configuration`,
    issuers: [`${v1Issuer}${id}/`, ...[...authorities].map((of) => `${of}/${id}/v2.0`)],
  };
}

function isHostName(text: string): boolean {
  return isIP(text) > 0 || HOST_NAME.test(text);
}

function isRemoteUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  return !url.username && !url.password && !url.search && !url.hash;
}

/** Of what is no secret; bounded, and safe for a terminal. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme */
function isWebhookSecret(text: string): boolean {
  if (!/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text) || (text.length - 6) % 4 !== 0) return false;
  const { length } = Buffer.from(text.slice(6), 'base64');
  return length >= 24 && length <= 64;
}
