import { describe, expect, test } from 'vitest';
import { VARIABLES } from '../../src/config/table.ts';
import { unknownVariables } from '../../src/config/unknown-variables.ts';

const inEnvironment = (...names: string[]) =>
  unknownVariables(Object.fromEntries(names.map((name) => [name, 'v4lue'])), []);
const meant = (name: string, known: string) => [
  `${name} is not a variable of Callkeeper: did you mean ${known}?`,
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
    expect(inEnvironment(name)).toEqual(meant(name, known));
    expect(unknownVariables({ [name]: 'v4lue' }, [name])).toEqual(meant(name, known));
  });

  test.each(['KEEPALIVE', 'AZURE_SECRET', 'FOO', 'REDIS_HOST', 'CALLKEEPER_PORT'])(
    '%s only in .env, where it can be for nobody else',
    (name) => {
      expect(inEnvironment(name)).toEqual([]);
      expect(unknownVariables({ [name]: 'v4lue' }, [name])).toEqual([
        `${name} in .env is not a variable of Callkeeper`,
      ]);
    },
  );
});

describe('there is no warning', () => {
  test('about any variable that somebody reads, in .env or not', () => {
    const names = [...VARIABLES.keys(), 'API_KEYS_FILE', 'https_proxy', 'no_proxy'];
    expect(unknownVariables(Object.fromEntries(names.map((name) => [name, ''])), names)).toEqual(
      [],
    );
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
    expect(unknownVariables({}, names)).toEqual([]);
  });

  test('about what a shell or a pod has, however short', () => {
    const shell = ['HOME', 'PATH', 'USER', 'SHELL', 'PWD', 'TERM', 'HOSTNAME', 'SHLVL', '_'];
    const pod = ['CALLKEEPER_SERVICE_HOST', 'CALLKEEPER_PORT', 'REDIS_PORT', 'REDIS_SERVICE_PORT'];
    expect(inEnvironment(...shell, ...pod, 'npm_config_cache')).toEqual([]);
  });
});

test('the value of an unknown variable is in no warning', () => {
  expect(unknownVariables({ API_KEY: 'v4lue' }, ['FOO']).join()).not.toContain('v4lue');
});
