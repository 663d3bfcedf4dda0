import { CLOUD_ALIASES, CLOUDS, type CloudName } from '../graph/clouds.ts';
import { LEAST_PLACES } from '../limiter/fair-limiter.ts';
import { GRAPH_URL, SERVICE_URL } from './checks.ts';
import { NO_PROXY, PROXY } from './network-parsers.ts';
import { duration, ID, integer, oneOf, TRUTH, text, url } from './parsers.ts';
import type { Group } from './variable.ts';

/** Graph ends a call 45 minutes after the last success. https://learn.microsoft.com/graph/api/call-keepalive */
const GRAPH_DEADLINE_MS = 45 * 60_000;
const DAY_MS = 24 * 60 * 60_000;
const ONE_OF_THREE =
  'without `APPS_FILE`, one is required of `AZURE_CLIENT_SECRET`, `AZURE_CLIENT_CERTIFICATE_PATH` and `AZURE_FEDERATED_TOKEN_FILE`';
const ZEROS = '00000000-0000-0000-0000-000000000000';

export const APP = {
  title: "The bot's app registration",
  intro:
    'The app needs the application permission `Calls.Initiate.All` or `Calls.AccessMedia.All`. A replica reads the file of a credential again for each token, so you can rotate it without a restart.',
  variables: {
    AZURE_TENANT_ID: {
      parser: ID,
      default: null,
      defaultSays: 'required without `APPS_FILE`',
      sentence: 'Tenant of the bot. A call may name another one.',
      toFillIn: true,
      example: ZEROS,
    },
    AZURE_CLIENT_ID: {
      parser: ID,
      default: null,
      defaultSays: 'required without `APPS_FILE`',
      sentence: 'Client id of the bot.',
      toFillIn: true,
      example: ZEROS,
    },
    AZURE_CLIENT_SECRET: {
      parser: text(),
      default: null,
      defaultSays: ONE_OF_THREE,
      sentence: 'Client secret of the bot.',
      secret: true,
      toFillIn: true,
    },
    AZURE_CLIENT_CERTIFICATE_PATH: {
      parser: text(),
      default: null,
      defaultSays: ONE_OF_THREE,
      sentence:
        'File with the certificate and its private key, PEM or PFX. A replica does not start if it cannot use the file.',
      example: '/etc/callkeeper/app.pem',
    },
    AZURE_CLIENT_CERTIFICATE_PASSWORD: {
      parser: text(),
      default: null,
      sentence: 'Password of that file.',
      secret: true,
    },
    AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: {
      parser: TRUTH,
      default: 'false',
      sentence:
        "`true`: sends Entra the certificate and all others in its PEM (`x5c`), for trust by subject name and issuer. From a PFX it sends only the app's own.",
      example: 'true',
    },
    AZURE_FEDERATED_TOKEN_FILE: {
      parser: text(),
      default: null,
      defaultSays: ONE_OF_THREE,
      sentence:
        'File with a token of another issuer, such as Kubernetes, that Entra accepts instead of a secret (workload identity).',
      example: '/var/run/secrets/azure/tokens/azure-identity-token',
    },
    APPS_FILE: {
      parser: text(),
      default: null,
      sentence:
        'YAML file with several apps, instead of the variables above: see [apps.md](apps.md). A replica reads it again when it changes.',
      example: '/etc/callkeeper/apps.yaml',
    },
    GRAPH_CLOUD: {
      parser: oneOf(Object.keys(CLOUDS) as CloudName[], CLOUD_ALIASES),
      default: 'global',
      sentence:
        '`global` (or `gcc`), `us-gov-l4` (or `gcc-high`), `us-gov-l5` (or `dod`) or `china`: see [apps.md](apps.md#national-clouds).',
    },
    GRAPH_BASE_URL: {
      parser: url(GRAPH_URL),
      default: null,
      defaultSays: 'from the cloud',
      sentence: 'Where Graph is, for a gateway or the simulator. Must end in `/v1.0` or `/beta`.',
      example: 'https://graph.example.com/v1.0',
    },
    AZURE_AUTHORITY_HOST: {
      parser: url(SERVICE_URL),
      default: null,
      defaultSays: 'from the cloud',
      sentence: 'Where tokens come from, for a gateway or the simulator.',
      example: 'https://login.example.com',
    },
  },
} as const satisfies Group;

export const CALLS = {
  title: 'Keeping calls alive',
  intro: 'All replicas need the same interval, deadline and grace.',
  variables: {
    KEEPALIVE_INTERVAL: {
      parser: duration(1_000, GRAPH_DEADLINE_MS),
      default: '15m',
      sentence: 'Time between two keepAlives of a call.',
    },
    KEEPALIVE_DEADLINE: {
      parser: duration(1_000, GRAPH_DEADLINE_MS),
      default: '45m',
      sentence:
        'Time after which Graph ends a call without a successful keepAlive. At least 1.5 times the interval.',
    },
    OWNER_GRACE: {
      parser: duration(0, DAY_MS),
      default: '10m',
      sentence:
        "Time from the end of an owner's lease until Callkeeper stops its calls, from 30s (less with an interval below 5m) to 24h: see [owners.md](owners.md).",
    },
    GRAPH_CONNECTIONS: {
      parser: integer(LEAST_PLACES, 1_024),
      default: '64',
      sentence:
        'How many connections to Graph a replica has, and so how many keepAlives it sends at once. Apps and tenants share them fairly: those whose keepAlives fail use at most a quarter of the connections, and new ones, which had no answer yet, at most another quarter.',
    },
    SHUTDOWN_TIMEOUT: {
      parser: duration(100, 600_000),
      default: '25s',
      sentence: 'How long a replica may take to stop after `SIGTERM`.',
    },
  },
} as const satisfies Group;

export const NETWORK = {
  title: 'Proxies and private CAs',
  variables: {
    HTTPS_PROXY: {
      parser: PROXY,
      default: null,
      sentence:
        'Proxy for `https://` requests to Graph and for tokens. Percent-encode its user and password.',
      lowerCaseToo: true,
      example: 'http://proxy.example.com:3128',
    },
    HTTP_PROXY: {
      parser: PROXY,
      default: null,
      sentence:
        'The same for `http://` requests. Microsoft accepts only `https://`, so you need this only for a `GRAPH_BASE_URL` that starts with `http://`, such as that of the simulator.',
      lowerCaseToo: true,
      example: 'http://proxy.example.com:3128',
    },
    NO_PROXY: {
      parser: NO_PROXY,
      default: null,
      sentence:
        'Where Callkeeper connects without a proxy: `*` for everywhere, or hosts (with their subdomains), `*.example.com`, addresses, and networks such as `10.0.0.0/8`, separated by commas. A network matches only URLs with an address, because Callkeeper does not look up names for this.',
      lowerCaseToo: true,
      example: 'localhost,127.0.0.1,10.0.0.0/8',
    },
    NODE_EXTRA_CA_CERTS: {
      parser: text(),
      default: null,
      sentence:
        'PEM file of private CAs, for Graph, tokens, Redis and webhooks. If the environment names one file and `.env` another, Callkeeper trusts both.',
      example: '/etc/callkeeper/private-ca.pem',
    },
  },
} as const satisfies Group;
