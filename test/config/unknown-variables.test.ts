import { describe, expect, test } from 'vitest';
import { VARIABLES } from '../../src/config/table.ts';
import { unknownVariables } from '../../src/config/unknown-variables.ts';

const inEnvironment = (...names: string[]) =>
  unknownVariables(Object.fromEntries(names.map((name) => [name, 'v4lue'])), new Map());
/** Each on its line of `.env`, which is loaded into the environment too. */
const inFile = (...names: string[]) =>
  unknownVariables(
    Object.fromEntries(names.map((name) => [name, 'v4lue'])),
    new Map(names.map((name, index) => [name, index + 1])),
  );
const meant = (name: string, where: string, known: string) => [
  `${name} in ${where} is not a variable of Callkeeper: did you mean ${known}?`,
];

describe('a warning names a variable', () => {
  test.each([
    ['API_KEY', 'API_KEYS'],
    ['KEEPALIVE_INTERVL', 'KEEPALIVE_INTERVAL'],
    ['AZURE_CLIENT_SECERT', 'AZURE_CLIENT_SECRET'],
    ['AZURE_CLIENT_SECRET_FIEL', 'AZURE_CLIENT_SECRET_FILE'],
    ['REDIS_URI', 'REDIS_URL'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['log_level', 'LOG_LEVEL'],
    ['HTTPS_PROXYS', 'HTTPS_PROXY'],
    ['CALLKEEPER_API_KEYS', 'CALLKEEPER_API_KEY'],
    ['HOSTS', 'HOST'],
  ])('%s in the environment as a misspelt %s', (name, known) => {
    expect(inEnvironment(name)).toEqual(meant(name, 'the environment', known));
    expect(inFile(name)).toEqual(meant(name, '.env', known));
  });

  test.each(['KEEPALIVE', 'AZURE_SECRET', 'FOO', 'REDIS_HOST', 'CALLKEEPER_PORT'])(
    '%s only in .env, where it can be for nobody else',
    (name) => {
      expect(inEnvironment(name)).toEqual([]);
      expect(inFile(name)).toEqual([`${name} in .env is not a variable of Callkeeper`]);
    },
  );
});

describe('there is no warning', () => {
  test('about any variable that somebody reads, in .env or not', () => {
    const names = [...VARIABLES.keys(), 'API_KEYS_FILE', 'https_proxy', 'no_proxy'];
    expect(inFile(...names)).toEqual([]);
  });

  test('about variables of Node, OpenTelemetry, Azure and docker compose', () => {
    const names = [
      'NODE_OPTIONS',
      'NODE_ENV',
      'OTEL_SERVICE_NAME',
      'OTEL_EXPORTER_OTLP_HEADERS',
      'IDENTITY_ENDPOINT',
      'COMPOSE_PROJECT_NAME',
      'ALL_PROXY',
      'FTP_PROXY',
      'ftp_proxy',
      'TZ',
    ];
    expect(inFile(...names)).toEqual([]);
  });

  test('about what a shell or a pod has, however short', () => {
    const shell = ['HOME', 'PATH', 'USER', 'SHELL', 'PWD', 'TERM', 'HOSTNAME', 'SHLVL', '_'];
    const pod = ['CALLKEEPER_SERVICE_HOST', 'CALLKEEPER_PORT', 'REDIS_PORT', 'REDIS_SERVICE_PORT'];
    expect(inEnvironment(...shell, ...pod, 'npm_config_cache')).toEqual([]);
  });
});

test('the value of an unknown variable is in no warning', () => {
  expect([...inEnvironment('API_KEY'), ...inFile('FOO')].join()).not.toContain('v4lue');
});

test.each([
  ['a key in base64', 'q0mVYw3k+J9fZr/7bT1xLhE8sNcUdQ5aGpOiW2yRv4M'],
  ['a key in base64url', 'q0mVYw3k-J9fZr_7bT1xLhE8sNcUdQ5aGpOiW2yRv4M'],
  ['a key in base32', 'MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U'],
  ['a key in capital hex', 'A1B2C3D4E5F60718293A4B5C6D7E8F90'],
  ['the last line of a PEM file', 'kQIDAQABo4GfMIGcMB0GA1UdDgQWBBT'],
  ['a short lower-case word', 'hunter2'],
  ['many words in capitals', Array(20).fill('PASSWORD').join('_')],
])('%s that reads as a name in .env is not in the warning, but its line is', (_, secret) => {
  expect(inFile('LOG_LEVEL', secret)).toEqual([
    'line 2 of .env sets no variable of Callkeeper: is it part of the value above it?',
  ]);
});
