import { integer, itemsOf, oneOf, type Parser, SHARE, text, ValueError } from './parsers.ts';
import type { Group } from './variable.ts';

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'].flatMap((name) => [
  name,
  `parentbased_${name}`,
]);

/** OpenTelemetry: any text but `true`, in whichever case, means false. */
const OTEL_TRUTH: Parser<boolean> = { parse: (value) => value.toLowerCase() === 'true' };

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export const TRACES = {
  title: 'Traces',
  intro:
    "These variables are OpenTelemetry's own. Its exporter reads others too, such as `OTEL_EXPORTER_OTLP_HEADERS`. See [traces.md](traces.md).",
  variables: {
    OTEL_EXPORTER_OTLP_ENDPOINT: {
      parser: text(),
      default: null,
      defaultSays: 'none: no traces',
      sentence: 'Where to export traces by OTLP.',
      example: 'http://127.0.0.1:4318',
    },
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
      parser: text(),
      default: null,
      sentence: 'The same, with the whole path.',
      example: 'http://127.0.0.1:4318/v1/traces',
    },
    OTEL_TRACES_EXPORTER: {
      parser: oneOf(['otlp', 'none']),
      default: null,
      defaultSays: '`otlp` with an endpoint, otherwise `none`',
      sentence: '`otlp` exports traces; `none` does not.',
      example: 'otlp',
    },
    OTEL_SDK_DISABLED: {
      parser: OTEL_TRUTH,
      default: 'false',
      sentence: '`true`: no traces.',
      example: 'true',
    },
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: {
      parser: oneOf(['http/protobuf']),
      default: 'http/protobuf',
      sentence: 'The only protocol that Callkeeper supports.',
    },
    OTEL_EXPORTER_OTLP_PROTOCOL: {
      parser: oneOf(['http/protobuf']),
      default: 'http/protobuf',
      sentence: 'The only protocol that Callkeeper supports.',
    },
    OTEL_TRACES_SAMPLER: {
      parser: oneOf(SAMPLERS),
      default: 'parentbased_always_on',
      sentence: 'Which traces to keep.',
      example: 'parentbased_traceidratio',
    },
    OTEL_TRACES_SAMPLER_ARG: {
      parser: SHARE,
      default: '1',
      sentence: 'Share of the traces that a sampler by ratio keeps, from 0 to 1.',
      example: '0.05',
    },
    OTEL_BSP_SCHEDULE_DELAY: {
      parser: integer(1, 600_000),
      default: '5000',
      sentence: 'Time between two exports, in ms.',
    },
    OTEL_BSP_EXPORT_TIMEOUT: {
      parser: integer(1, 600_000),
      default: '30000',
      sentence: 'How long an export may take, in ms.',
    },
    OTEL_BSP_MAX_QUEUE_SIZE: {
      parser: integer(1, 1_000_000),
      default: '2048',
      sentence: 'How many spans may wait for an export.',
    },
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: {
      parser: integer(1, 1_000_000),
      default: '512',
      sentence: 'How many spans one export takes.',
    },
  },
} as const satisfies Group;

export const LOG = {
  title: 'The log',
  variables: {
    LOG_LEVEL: {
      parser: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
      default: 'info',
      sentence:
        '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`. The log is JSON lines on stdout, or readable text if stdout is a terminal.',
    },
  },
} as const satisfies Group;

const REMOTES: Parser<readonly string[]> = {
  parse: (value) => {
    const urls = itemsOf(value);
    if (urls.every(isRemoteUrl)) return urls;
    throw new ValueError(REMOTE_FAULT);
  },
  invalid: [],
};

export const REMOTE_FAULT = 'must be http:// or https:// URLs without credentials or query';

export function isRemoteUrl(value: string): boolean {
  const parsed = URL.parse(value);
  if (!parsed || !/^https?:$/.test(parsed.protocol)) return false;
  return !parsed.username && !parsed.password && !parsed.search && !parsed.hash;
}

const isKey = (value: string) => /^[\x21-\x7e]{1,16384}$/.test(value);

export const COMMANDS = {
  title: 'Command line',
  intro:
    'For the commands that ask a running replica: see [cli.md](cli.md). A replica itself does not read these.',
  variables: {
    CALLKEEPER_URL: {
      parser: REMOTES,
      default: '',
      defaultSays: 'this machine, by `HOST` and `PORT`',
      sentence: 'Address of the replica, or addresses of several, separated by commas.',
      readBy: 'commands',
      example: 'http://127.0.0.1:8080',
    },
    CALLKEEPER_API_KEY: {
      parser: text(isKey, 'must be one key or token, without a space in it'),
      default: null,
      sentence: 'The key, or the access token of Entra, to send.',
      secret: true,
      readBy: 'commands',
    },
  },
} as const satisfies Group;
