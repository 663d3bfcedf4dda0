import { GUID, isPlaceholder, SERVICE_OR_LOOPBACK_URL } from './checks.ts';
import { ADDRESS, HOST, NETWORKS, WEBHOOK_HOSTS } from './network-parsers.ts';
import { integer, list, oneOf, type Parser, PLACEHOLDER, TRUTH, text, url } from './parsers.ts';
import type { Group } from './variable.ts';
import { isWebhookSecret } from './webhook-secret.ts';

export const API = {
  title: 'The API',
  variables: {
    HOST: {
      parser: HOST,
      default: '127.0.0.1',
      defaultSays: '`127.0.0.1` (image: `0.0.0.0`)',
      sentence: 'Address that the API listens on. `localhost` means `127.0.0.1`.',
      composeSets: true,
    },
    PORT: {
      parser: integer(0, 65_535),
      default: '8080',
      sentence: 'Port that the API listens on. 0 takes a free one.',
      composeSets: true,
    },
    METRICS_ADDRESS: {
      parser: ADDRESS,
      default: null,
      defaultSays: 'none: the API serves `/metrics`',
      sentence:
        '`host:port`, or `:port` on `HOST`: serves `/metrics`, `/livez` and `/readyz` on their own listener. The API keeps the probes but no longer has `/metrics`, so `callkeeper watch` shows no counts.',
      example: ':9464',
      composeSets: true,
    },
    TRUST_PROXY: {
      parser: NETWORKS,
      default: '',
      defaultSays: 'none (docker-compose.yml: `uniquelocal`)',
      sentence:
        'Proxies whose `X-Forwarded-For` is believed, so that audit lines and rate limits see the client behind them: addresses, networks such as `10.0.0.0/8`, and `loopback`, `linklocal` or `uniquelocal` (private networks), separated by commas. Each proxy must append the address that it sees, or replace the header.',
      example: '10.0.0.0/8',
    },
    RATE_LIMIT: {
      parser: integer(1, 1_000_000),
      default: '1000',
      sentence:
        'Requests a second that each client may make. A client is a key or token, or an address without one.',
    },
  },
} as const satisfies Group;

/** Of an application id: https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions */
const URI = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,255}$/i;

const AUDIENCES: Parser<readonly string[]> = {
  parse: (value) =>
    list((audiences) => {
      if (audiences.some(isPlaceholder)) return PLACEHOLDER;
      const isValid = (audience: string) => GUID.test(audience) || URI.test(audience);
      return audiences.every(isValid)
        ? null
        : ": each must be the API's client id, a GUID, or its URI";
    })
      .parse(value)
      .map((one) => (GUID.test(one) ? one.toLowerCase() : one)),
  invalid: [],
};

const TENANTS = list((ids) => {
  if (!ids.every((id) => GUID.test(id))) return ': each must be a GUID';
  return ids.some(isPlaceholder) ? PLACEHOLDER : null;
});

const KEYS = list((keys) => {
  if (keys.length === 0) return 'holds no key';
  return keys.every((key) => /^[\x21-\x7e]{24,512}$/.test(key))
    ? null
    : ': each key must have at least 24 characters, none of them a space';
});

export const ACCESS = {
  title: 'Who may use the API',
  intro:
    'With none of these, the API takes requests from this machine only. See [access.md](access.md).',
  variables: {
    API_KEYS: {
      parser: KEYS,
      default: null,
      sentence:
        'Keys that may do everything, separated by commas, each of at least 24 characters, such as `openssl rand -hex 24` prints.',
      secret: true,
      toFillIn: true,
    },
    ACCESS_FILE: {
      parser: text(),
      default: null,
      sentence:
        'YAML file with named clients, the hashes of their keys, and what each may do: see [access.md](access.md). A replica reads it again when it changes.',
      example: '/etc/callkeeper/access.yaml',
    },
    ENTRA_AUDIENCES: {
      parser: AUDIENCES,
      default: '',
      sentence:
        'Access tokens of Entra are accepted if they are for one of these: client ids of the API, or its URIs, separated by commas. Needs `ENTRA_TENANTS`.',
    },
    ENTRA_TENANTS: {
      parser: TENANTS,
      default: '',
      sentence: 'Tenants whose access tokens are accepted, separated by commas.',
    },
    AUTH: {
      parser: oneOf(['none']),
      default: null,
      sentence:
        '`none`: anybody may do everything. Only if something in front of Callkeeper checks who asks.',
      example: 'none',
    },
  },
} as const satisfies Group;

/** With its prefix, and padded: a secret that was cut short when it was copied is not. */
function isWholeSecret(secret: string): boolean {
  const [, base64] = secret.split('whsec_');
  return base64 !== undefined && base64.length % 4 === 0 && isWebhookSecret(secret);
}

const SECRETS = list((secrets) =>
  secrets.every(isWholeSecret) ? null : ': each must be whsec_ and 24 to 64 bytes in base64',
);

function isWebhookUrl(value: string): boolean {
  const parsed = URL.parse(value);
  return parsed?.protocol === 'https:' && !parsed.username && !parsed.password;
}

export const WEBHOOKS = {
  title: 'Webhooks',
  intro: 'See [webhooks.md](webhooks.md).',
  variables: {
    WEBHOOK_SECRETS: {
      parser: SECRETS,
      default: '',
      defaultSays: 'none: only apps with secrets in `APPS_FILE` have webhooks',
      sentence:
        'Secrets that sign webhooks, as Standard Webhooks has them, separated by commas; all of them sign. `echo whsec_$(openssl rand -base64 32)` prints one.',
      secret: true,
    },
    WEBHOOK_HOSTS: {
      parser: WEBHOOK_HOSTS,
      default: '',
      sentence:
        'Hosts that the `webhookUrl` of a call may name, separated by commas. `*.example.com` means all hosts below it.',
      example: 'bot.example.com,*.hooks.example.com',
    },
    WEBHOOK_URL: {
      parser: text(isWebhookUrl, 'must be an https:// URL without a user'),
      default: null,
      sentence: 'URL for calls without a webhook whose app has none either.',
      example: 'https://bot.example.com/callkeeper',
    },
    WEBHOOK_ALLOW_PRIVATE: {
      parser: TRUTH,
      default: 'false',
      sentence: '`true`: webhooks may have addresses outside the public internet.',
      example: 'true',
    },
  },
} as const satisfies Group;

export const NOTIFICATIONS = {
  title: 'Notifications from bots',
  intro:
    "How to check Graph's own token on what bots pass on to `POST /notifications`: see [notifications.md](notifications.md).",
  variables: {
    NOTIFICATIONS_JWT: {
      parser: oneOf(['off', 'required']),
      default: 'off',
      sentence: "`required`: notifications are accepted only with Graph's own token.",
      example: 'required',
    },
    NOTIFICATIONS_OPENID_URL: {
      parser: url(SERVICE_OR_LOOPBACK_URL),
      default: 'https://api.aps.skype.com/v1/.well-known/OpenIdConfiguration',
      sentence: 'OpenID configuration that names the keys of that token.',
    },
    NOTIFICATIONS_ISSUERS: {
      parser: list(),
      default: 'https://api.botframework.com,https://graph.microsoft.com',
      sentence: 'Issuers that are accepted, separated by commas.',
    },
    NOTIFICATIONS_AUDIENCES: {
      parser: list(),
      default: '',
      defaultSays: 'the client ids of the apps',
      sentence: 'Audiences that are accepted, separated by commas.',
    },
  },
} as const satisfies Group;
