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
        'Address of a second listener for `/metrics`, `/livez` and `/readyz`: `host:port`, or `:port` for the same `HOST`. The API then still serves the probes but not `/metrics`, so `callkeeper watch` shows no counts.',
      example: ':9464',
      composeSets: true,
    },
    TRUST_PROXY: {
      parser: NETWORKS,
      default: '',
      defaultSays: 'none (docker-compose.yml: `uniquelocal`)',
      sentence:
        'Proxies whose `X-Forwarded-For` Callkeeper believes, so that audit lines and rate limits see the client behind them: addresses, networks such as `10.0.0.0/8`, and `loopback`, `linklocal` or `uniquelocal` (private networks), separated by commas. Each proxy must append to the header the address that it sees, or replace the header.',
      example: '10.0.0.0/8',
    },
    RATE_LIMIT: {
      parser: integer(1, 1_000_000),
      default: '1000',
      sentence:
        'Requests a second that each client may send to each replica. A client is a key or token; requests without one count for their address.',
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
    'With none of these, the API takes requests from this machine only, and `HOST` must be a loopback address. See [access.md](access.md).',
  variables: {
    API_KEYS: {
      parser: KEYS,
      default: null,
      sentence:
        'Keys whose holders may do everything, separated by commas. Each has at least 24 characters; `openssl rand -hex 24` prints one.',
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
        'Client ids or URIs of the API in Entra, separated by commas. The API accepts access tokens that are for one of them. Needs `ENTRA_TENANTS`.',
    },
    ENTRA_TENANTS: {
      parser: TENANTS,
      default: '',
      sentence: 'Tenants whose access tokens the API accepts, separated by commas.',
    },
    AUTH: {
      parser: oneOf(['none']),
      default: null,
      sentence:
        '`none`: anybody may do everything. Set it only if something in front of Callkeeper checks who sends requests.',
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
        'Secrets of Standard Webhooks, separated by commas: Callkeeper signs each webhook with all of them. `echo whsec_$(openssl rand -base64 32)` prints one.',
      secret: true,
    },
    WEBHOOK_HOSTS: {
      parser: WEBHOOK_HOSTS,
      default: '',
      sentence:
        'Hosts that the `webhookUrl` of a call may name, separated by commas. `*.example.com` means all hosts below `example.com`.',
      example: 'bot.example.com,*.hooks.example.com',
    },
    WEBHOOK_URL: {
      parser: text(isWebhookUrl, 'must be an https:// URL without a user'),
      default: null,
      sentence:
        'Where Callkeeper posts events if neither the call nor its app has a webhook. The host need not be in `WEBHOOK_HOSTS`.',
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
    "Bots forward Graph's notifications to `POST /notifications`. These variables say whether and how Callkeeper checks that Graph signed them: see [notifications.md](notifications.md).",
  variables: {
    NOTIFICATIONS_JWT: {
      parser: oneOf(['off', 'required']),
      default: 'off',
      sentence:
        "`required`: Callkeeper accepts notifications only with Graph's own token. `off`: it does not check that token.",
      example: 'required',
    },
    NOTIFICATIONS_OPENID_URL: {
      parser: url(SERVICE_OR_LOOPBACK_URL),
      default: 'https://api.aps.skype.com/v1/.well-known/OpenIdConfiguration',
      sentence: 'OpenID configuration that says where the keys for that token are.',
    },
    NOTIFICATIONS_ISSUERS: {
      parser: list(),
      default: 'https://api.botframework.com,https://graph.microsoft.com',
      sentence: 'Issuers of that token that Callkeeper accepts, separated by commas.',
    },
    NOTIFICATIONS_AUDIENCES: {
      parser: list(),
      default: '',
      defaultSays: 'the client ids of the apps',
      sentence: 'Audiences of that token that Callkeeper accepts, separated by commas.',
    },
  },
} as const satisfies Group;
