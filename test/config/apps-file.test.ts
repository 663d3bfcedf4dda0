import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { Compile } from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readApps } from '../../src/config/apps-file.ts';
import { DocumentError } from '../../src/config/yaml-reader.ts';
import type { App } from '../../src/graph/app.ts';
import { AppsDirectory, anApp, apps, CLIENT, TENANT, WEBHOOK_SECRET } from './apps-fixture.ts';
import { changed, DELETED, placesIn } from './variations.ts';

const directory = new AppsDirectory();
beforeAll(() => directory.fill());
afterAll(() => directory.remove());

const ZEROS = '00000000-0000-0000-0000-000000000000';
const PLACEHOLDER =
  'is still the placeholder, a GUID of zeros: replace it with the id that Entra shows';
const GRAPH_URL =
  'must be an https:// URL (http:// for loopback only) without credentials or query, and end in /v1.0 or /beta';
const at = (name: string) => join(directory.path, name);
const read = (text: string) => readApps(text, directory.file);
const only = (text: string): App => read(apps(text)).apps[0] as App;
const faults = (text: string) => directory.faults(text);

describe('an app is taken', () => {
  test('with what it must have; the only one is the default', () => {
    expect(read(apps(anApp('reception')))).toEqual({
      defaultApp: 'reception',
      apps: [
        {
          name: 'reception',
          cloud: 'global',
          tenantId: TENANT,
          clientId: CLIENT,
          credential: { kind: 'secret', secret: { file: at('secret') } },
          graphBaseUrl: 'https://graph.microsoft.com/v1.0',
          authorityHost: 'https://login.microsoftonline.com',
          webhook: null,
        },
      ],
    });
  });

  test.each<[string, unknown]>([
    ['{ clientSecretFile: ./secret }', { kind: 'secret', secret: { file: 'secret' } }],
    ['{ federatedTokenFile: token }', { kind: 'federated', tokenFile: 'token' }],
    [
      '{ certificate: { file: bot.pem } }',
      { kind: 'certificate', path: 'bot.pem', password: null, sendsChain: false },
    ],
    [
      '{ certificate: { file: bot.pem, sendChain: true } }',
      { kind: 'certificate', path: 'bot.pem', password: null, sendsChain: true },
    ],
    [
      '{ certificate: { file: bot.pem, passwordFile: password } }',
      { kind: 'certificate', path: 'bot.pem', password: { file: 'password' }, sendsChain: false },
    ],
    ['{ managedIdentity: system }', { kind: 'managed-identity', identity: { by: 'system' } }],
    [
      `{ managedIdentity: { clientId: ${CLIENT.toUpperCase()} } }`,
      { kind: 'managed-identity', identity: { by: 'clientId', id: CLIENT } },
    ],
    [
      '{ managedIdentity: { resourceId: /subscriptions/s/resourceGroups/g } }',
      {
        kind: 'managed-identity',
        identity: { by: 'resourceId', id: '/subscriptions/s/resourceGroups/g' },
      },
    ],
    [
      `{ federatedManagedIdentity: { objectId: ${CLIENT} } }`,
      { kind: 'federated-managed-identity', identity: { by: 'objectId', id: CLIENT } },
    ],
  ])('with the credential %s', (credential, expected) => {
    const relative = JSON.stringify(only(anApp('a', { credential })).credential);
    expect(JSON.parse(relative.replaceAll(`${directory.path}/`, ''))).toEqual(expected);
  });

  test('with a path that is not relative as it stands', () => {
    const credential = `{ clientSecretFile: ${at('secret')} }`;
    expect(only(anApp('a', { credential })).credential).toMatchObject({
      secret: { file: at('secret') },
    });
  });

  test('with a webhook, whose secrets are read at each use', async () => {
    const other = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
    directory.write('webhook-old', other);
    const webhook = '{ url: https://bot.example/hook, secretFiles: [webhook, webhook-old] }';
    const app = only(anApp('a', { webhook }));
    expect(app.webhook?.url).toBe('https://bot.example/hook');
    expect(await app.webhook?.secrets()).toEqual([WEBHOOK_SECRET, other]);
    const rotated = Buffer.alloc(64, 2).toString('base64');
    directory.write('webhook-old', `${rotated}\n`);
    expect(await app.webhook?.secrets()).toEqual([WEBHOOK_SECRET, rotated]);
    // A faulty secret is skipped without an error if another one is left.
    directory.write('webhook-old', 'short');
    expect(await app.webhook?.secrets()).toEqual([WEBHOOK_SECRET]);
    directory.write('webhook', '');
    await expect(app.webhook?.secrets()).rejects.toThrow('holds no secret of 24 to 64 bytes');
    directory.write('webhook', WEBHOOK_SECRET);
  });

  test('with the hosts of its cloud; those of the environment are of the cloud it names', () => {
    const { apps: read } = readApps(
      apps(
        anApp('a', { default: 'true' }),
        anApp('b', { cloud: 'china' }),
        anApp('c', { cloud: 'china', graphBaseUrl: 'http://127.0.0.1:9000/v1.0/' }),
        anApp('d', { authorityHost: 'https://entra.local:9443/' }),
      ),
      {
        ...directory.file,
        graphBaseUrl: 'http://[::1]:1/v1.0',
        authorityHost: 'https://localhost',
      },
    );
    expect(read.map((app) => [app.cloud, app.graphBaseUrl, app.authorityHost])).toEqual([
      ['global', 'http://[::1]:1/v1.0', 'https://localhost'],
      [
        'china',
        'https://microsoftgraph.chinacloudapi.cn/v1.0',
        'https://login.partner.microsoftonline.cn',
      ],
      ['china', 'http://127.0.0.1:9000/v1.0', 'https://login.partner.microsoftonline.cn'],
      ['global', 'http://[::1]:1/v1.0', 'https://entra.local:9443'],
    ]);
  });

  test('among several is the default if it says so, and has the common cloud unless it has its own', () => {
    const text = apps(
      anApp('a'),
      anApp('b', { default: 'true' }),
      anApp('c', { default: 'false' }),
    );
    const set = readApps(text, { ...directory.file, cloud: 'us-gov-l5' });
    expect(set.defaultApp).toBe('b');
    expect(set.apps.map(({ name, cloud }) => [name, cloud])).toEqual(
      ['a', 'b', 'c'].map((name) => [name, 'us-gov-l5']),
    );
  });

  test('with what it shares by an alias', () => {
    const text = apps(
      anApp('a', { default: 'true', credential: '&same { clientSecretFile: secret }' }),
      anApp('b', { credential: '*same' }),
    );
    const [a, b] = read(text).apps;
    expect(b?.credential).toEqual(a?.credential);
  });
});

const KNOWN =
  'name, default, cloud, tenantId, clientId, credential, webhook, graphBaseUrl, authorityHost';
const ONE_CREDENTIAL =
  'must be a mapping with one of clientSecretFile, certificate, federatedTokenFile, managedIdentity, federatedManagedIdentity';
const NAME = 'must be 1 to 63 of A-Z a-z 0-9 . _ - and start with a letter or digit';
const credential = (text: string) => apps(anApp('a', { credential: text }));
const webhook = (text: string) => apps(anApp('a', { webhook: text }));
const URL_ONLY = 'must be an https:// URL without credentials or fragment';

describe('a faulty file is refused', () => {
  test.each<[string, string[]]>([
    ['', ['line 1: the file must be a mapping with apps']],
    ['- apps', ['line 1: the file must be a mapping with apps']],
    ['{}', ['line 1: the file lacks apps']],
    ['apps:', ['line 1: apps must be a list of one and more']],
    ['apps: []', ['line 1: apps must be a list of one and more']],
    ['apps: { name: a }', ['line 1: apps must be a list of one and more']],
    [
      `\n\nApps: []\n`,
      [
        'line 1: the file lacks apps',
        'line 3: the file has a field that is unknown here; known are apps',
      ],
    ],
    ['apps: [x]', [`line 1: apps[0] must be a mapping with ${KNOWN}`]],
    [
      'apps:\n  - {}',
      [
        'line 2: apps[0] lacks name',
        'line 2: apps[0] lacks tenantId',
        'line 2: apps[0] lacks clientId',
        'line 2: apps[0] lacks credential',
      ],
    ],
    ['apps: [a', ['line 1: this is not valid YAML (bad indent)']],
    ['apps:\n\t- name: a', ['line 2: this is not valid YAML (tab as indent)']],
    [`${apps(anApp('a'))}---\napps: []`, ['line 6: this is not valid YAML (multiple docs)']],
    [`apps: !secret [${CLIENT}]`, ['line 1: this is not valid YAML (tag resolve failed)']],
    ['apps: *none', ['line 1: apps must be a list of one and more']],
    [apps(anApp('a'), anApp('b')), ['line 1: apps must have `default: true` in one of them']],
    [
      apps(anApp('a', { default: 'true' }), anApp('b', { default: 'true' })),
      ['line 7: apps[1] must not be a second default'],
    ],
    [
      apps(anApp('a', { default: 'true' }), anApp('a')),
      ['line 7: apps[1] has the name of the app in line 2'],
    ],
    [apps(anApp('a', { default: 'yes' })), ['line 6: apps[0].default must be true or false']],
    [apps(anApp('"a b"')), [`line 2: apps[0].name ${NAME}`]],
    [apps(anApp('7')), [`line 2: apps[0].name ${NAME}`]],
    [apps(anApp(`"a${'b'.repeat(63)}"`)), [`line 2: apps[0].name ${NAME}`]],
    [apps(anApp('a', { tenantId: 'common' })), ['line 3: apps[0].tenantId must be a GUID']],
    [
      apps(anApp('a', { tenantId: ZEROS, clientId: ZEROS })),
      [`line 3: apps[0].tenantId ${PLACEHOLDER}`, `line 4: apps[0].clientId ${PLACEHOLDER}`],
    ],
    [
      apps(anApp('a', { tenantId: '{}', clientId: '[]' })),
      ['line 3: apps[0].tenantId must be a GUID', 'line 4: apps[0].clientId must be a GUID'],
    ],
    [
      apps(anApp('a', { cloud: 'germany' })),
      [
        'line 6: apps[0].cloud must be one of global, us-gov-l4, us-gov-l5, china, gcc, gcc-high, dod',
      ],
    ],
    [
      apps(anApp('a', { clientSecret: 's' })),
      [`line 6: apps[0] has a field that is unknown here; known are ${KNOWN}`],
    ],
    [
      apps(anApp('a', { graphBaseUrl: 'http://graph.example/v1.0' })),
      [`line 6: apps[0].graphBaseUrl ${GRAPH_URL}`],
    ],
    [
      apps(anApp('a', { graphBaseUrl: 'https://graph.example/v1' })),
      [`line 6: apps[0].graphBaseUrl ${GRAPH_URL}`],
    ],
    [
      apps(anApp('a', { graphBaseUrl: 'https://graph.example/v1.0/me' })),
      [`line 6: apps[0].graphBaseUrl ${GRAPH_URL}`],
    ],
    [
      apps(anApp('a', { authorityHost: 'http://127.0.0.1' })),
      ['line 6: apps[0].authorityHost must be an https:// URL without credentials or query'],
    ],
    [credential('x'), [`line 5: apps[0].credential ${ONE_CREDENTIAL}`]],
    [credential('{}'), [`line 5: apps[0].credential ${ONE_CREDENTIAL}`]],
    [
      credential('{ clientSecretFile: secret, managedIdentity: system }'),
      [`line 5: apps[0].credential ${ONE_CREDENTIAL}`],
    ],
    [
      credential('{ clientSecretFile: "" }'),
      ['line 5: apps[0].credential.clientSecretFile must be the path of a file'],
    ],
    [
      credential('{ clientSecretFile: none }'),
      ['line 5: apps[0].credential.clientSecretFile names a file that cannot be read (ENOENT)'],
    ],
    [
      credential('{ clientSecretFile: "a\\0b" }'),
      [
        'line 5: apps[0].credential.clientSecretFile names a file that cannot be read (ERR_INVALID_ARG_VALUE)',
      ],
    ],
    [
      credential('{ clientSecretFile: . }'),
      ['line 5: apps[0].credential.clientSecretFile names a file that is not a regular file'],
    ],
    [
      credential('{ federatedTokenFile: /dev/zero }'),
      ['line 5: apps[0].credential.federatedTokenFile names a file that is not a regular file'],
    ],
    [
      credential('{ federatedTokenFile: empty }'),
      ['line 5: apps[0].credential.federatedTokenFile names a file that is empty'],
    ],
    [
      credential('{ certificate: bot.pem }'),
      [
        'line 5: apps[0].credential.certificate must be a mapping with file, passwordFile, sendChain',
      ],
    ],
    [credential('{ certificate: {} }'), ['line 5: apps[0].credential.certificate lacks file']],
    [
      credential('{ certificate: { file: secret } }'),
      [
        expect.stringMatching(
          /^line 5: apps\[0\]\.credential\.certificate\.file names a file that holds no certificate with its private key: /,
        ),
      ],
    ],
    [
      credential('{ certificate: { file: bot.pem, passwordFile: none } }'),
      [
        'line 5: apps[0].credential.certificate.passwordFile names a file that cannot be read (ENOENT)',
      ],
    ],
    [
      credential('{ managedIdentity: mine }'),
      [
        'line 5: apps[0].credential.managedIdentity must be `system`, or a mapping with one of clientId, objectId, resourceId',
      ],
    ],
    [
      credential(`{ managedIdentity: { clientId: ${CLIENT}, objectId: ${CLIENT} } }`),
      [
        'line 5: apps[0].credential.managedIdentity must be `system`, or a mapping with one of clientId, objectId, resourceId',
      ],
    ],
    [
      credential('{ managedIdentity: { resourceId: id } }'),
      [
        'line 5: apps[0].credential.managedIdentity.resourceId must be a resource id: /subscriptions/…',
      ],
    ],
    [
      credential('{ federatedManagedIdentity: system }'),
      [
        'line 5: apps[0].credential.federatedManagedIdentity must be a mapping with one of clientId, objectId, resourceId',
      ],
    ],
    [
      webhook('{}'),
      ['line 6: apps[0].webhook lacks url', 'line 6: apps[0].webhook lacks secretFiles'],
    ],
    [
      webhook('https://bot.example'),
      ['line 6: apps[0].webhook must be a mapping with url, secretFiles'],
    ],
    [
      webhook('{ url: http://bot.example, secretFiles: [webhook] }'),
      [`line 6: apps[0].webhook.url ${URL_ONLY}`],
    ],
    [
      webhook('{ url: https://u:p@bot.example, secretFiles: [webhook] }'),
      [`line 6: apps[0].webhook.url ${URL_ONLY}`],
    ],
    [
      webhook('{ url: https://bot.example, secretFiles: [] }'),
      ['line 6: apps[0].webhook.secretFiles must be a list of one and more'],
    ],
    [
      webhook('{ url: https://bot.example, secretFiles: [webhook, secret] }'),
      [
        'line 6: apps[0].webhook.secretFiles[1] names a file that holds no secret of 24 to 64 bytes, as whsec_ and base64',
      ],
    ],
  ])('%#: %j', (text, expected) => {
    expect(faults(text)).toEqual(expected);
  });

  test('with all its faults at once, in the order of their lines', () => {
    const text = apps(
      anApp('a', { tenantId: 'x', credential: '{ clientSecretFile: none }' }),
      anApp('a', { clientId: '', cloud: 'moon', name: 'a\n    name: b' }),
    );
    expect(faults(text)).toEqual([
      'line 1: apps must have `default: true` in one of them',
      'line 3: apps[0].tenantId must be a GUID',
      'line 5: apps[0].credential.clientSecretFile names a file that cannot be read (ENOENT)',
      'line 6: apps[1] lacks clientId',
      'line 7: this is not valid YAML (duplicate key)',
      'line 10: apps[1].cloud must be one of global, us-gov-l4, us-gov-l5, china, gcc, gcc-high, dod',
    ]);
    expect(() => read(text)).toThrow(/^the file is not usable:\n {2}- line 1: .*\n {2}- line 3:/);
  });

  test('without a word of what stands in it, wherever a secret has slipped in', () => {
    const aSecret = fc
      .stringMatching(/^[A-Za-z0-9~._:{}#&*!|>'"%@`, -]{8,30}$/)
      .map((text) => `S3cr3t${text}`);
    const good = apps(
      anApp('a', {
        default: 'true',
        webhook: '{ url: https://b.example, secretFiles: [webhook] }',
      }),
      anApp('b', { credential: '{ certificate: { file: bot.pem, passwordFile: password } }' }),
      anApp('c', { credential: '{ managedIdentity: { clientId: x } }' }),
    );
    const words = [...good.matchAll(/[^\s{}[\],]+/g)];
    fc.assert(
      fc.property(fc.constantFrom(...words), aSecret, fc.boolean(), (word, secret, isAdded) => {
        const after = word.index + (isAdded ? 0 : word[0].length);
        const text = good.slice(0, word.index) + secret + good.slice(after);
        try {
          read(text);
        } catch (error) {
          if (!(error instanceof DocumentError)) throw error;
          const told = [error.message, error.stack, JSON.stringify(error), String(error.cause)];
          expect(told.join()).not.toContain('S3cr3t');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('whatever its size, in few words', () => {
    for (const text of [`apps: ${'['.repeat(50_000)}`, `apps:\n${'- x\n'.repeat(50_000)}`]) {
      const told = faults(text);
      expect(told.length).toBeGreaterThan(0);
      expect(told.length).toBeLessThanOrEqual(101);
    }
  });

  test('or accepted: no content makes the reader throw anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(Array.isArray(faults(text))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the schema', () => {
  const root = new URL('../../config/', import.meta.url);
  const schema = JSON.parse(readFileSync(new URL('apps.schema.json', root), 'utf8'));
  const validator = Compile(schema);
  const example = readFileSync(new URL('apps.example.yaml', root), 'utf8');

  test('holds for the example, which loads once its files are there', () => {
    expect(validator.Errors(parse(example))[1]).toEqual([]);
    const here = new AppsDirectory();
    try {
      const pem = readFileSync(at('bot.pem'), 'utf8');
      here.write('secrets/reception-client-secret', 'secret');
      for (const age of ['new', 'old'])
        here.write(`secrets/reception-webhook-${age}`, WEBHOOK_SECRET);
      here.write('secrets/recorder.pfx', pem);
      here.write('secrets/recorder-password', 'none is needed for this one');
      const token = here.write('token', 'an-assertion');
      const inPod = '/var/run/secrets/callkeeper/entra/token';
      expect(example).toContain(inPod);
      const set = readApps(example.replace(inPod, token), here.file);
      expect(set.defaultApp).toBe('reception');
      expect(set.apps.map(({ credential }) => credential.kind)).toEqual([
        'secret',
        'certificate',
        'federated',
        'managed-identity',
        'federated-managed-identity',
      ]);
    } finally {
      here.remove();
    }
  });

  test('and the reader are of one mind on the form: of each app with one thing changed', () => {
    const minded = { right: 0, wrong: 0 };
    const agree = (document: object, what: string) => {
      // What the named files hold is no matter of form.
      const told = faults(stringify(document, { aliasDuplicateObjects: false })).filter(
        (fault) => !fault.includes('names a file that'),
      );
      const isRight = validator.Check(document);
      minded[isRight ? 'right' : 'wrong'] += 1;
      expect(told.length === 0, `${what}: ${told.join(', ')}`).toBe(isRight);
    };
    for (const credential of CREDENTIALS_OF_ALL_KINDS) {
      const document = { apps: [{ ...WHOLE, credential }] };
      agree(document, 'unchanged');
      // What is beside the credential has been looked at with the first one.
      const isFirst = credential === CREDENTIALS_OF_ALL_KINDS[0];
      for (const at of placesIn(document, ADDED).filter(
        (path) => isFirst || path[2] === 'credential',
      )) {
        for (const value of [DELETED, ...VALUES]) agree(changed(document, at, value), at.join('.'));
      }
    }
    // It has seen enough of both.
    expect(Math.min(minded.right, minded.wrong)).toBeGreaterThan(50);
  });

  test('is named by the example', () => {
    const named = /\$schema=(\S+)/.exec(example)?.[1] ?? '';
    expect(join(dirname('config/apps.example.yaml'), named)).toBe('config/apps.schema.json');
  });
});

const IDENTITY = { clientId: CLIENT.toUpperCase() };
const CREDENTIALS_OF_ALL_KINDS = [
  { clientSecretFile: 'secret' },
  { certificate: { file: 'bot.pem', passwordFile: 'password', sendChain: true } },
  { federatedTokenFile: 'token' },
  { managedIdentity: 'system' },
  { managedIdentity: IDENTITY },
  { managedIdentity: { resourceId: '/Subscriptions/s/x' } },
  { federatedManagedIdentity: { objectId: CLIENT } },
];
const WHOLE = {
  name: 'A.b_c-9',
  default: true,
  cloud: 'us-gov-l4',
  tenantId: TENANT,
  clientId: CLIENT,
  webhook: { url: 'https://b.example/x?y=1', secretFiles: ['webhook', 'webhook'] },
  graphBaseUrl: 'https://g.example/v1.0',
  authorityHost: 'https://e.example',
};
const VALUES = [
  ...[null, '', 7, true, 'system', 'a b', 'china', [], [7], {}, { unknown: 1 }, IDENTITY, CLIENT],
  ...['https://u@b', 'http://b.example', 'https://b.example#c', 'http://127.0.0.1:9000/v1.0'],
  ...['https://g.example/beta/', 'https://g.example/v1', 'https://beta', 'https://g.example//beta'],
  ...[
    'https://b.example/@me',
    'https://u:p@b.example/@me',
    'https://a b/v1.0',
    'HTTPS://b.example',
  ],
  ...['/subscriptions/s', ...CREDENTIALS_OF_ALL_KINDS],
];
/** What stands beside each other only where it should not. */
const ADDED = ['added', 'clientSecretFile', 'managedIdentity', 'clientId', 'objectId'];
