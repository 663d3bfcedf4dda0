import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Compile } from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readAccess } from '../../src/config/access-file.ts';
import { DocumentError } from '../../src/config/yaml-reader.ts';
import { changed, DELETED, placesIn } from './variations.ts';

const HASH = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

function faults(text: string): readonly string[] {
  try {
    readAccess(text);
    return [];
  } catch (error) {
    if (error instanceof DocumentError) return error.faults;
    throw error;
  }
}

/** One client in YAML, with these lines in place of its own. */
function aClient(lines: Readonly<Record<string, string>> = {}): string {
  const fields = { name: 'bot', keys: `[{ hash: sha256:${HASH} }]`, scopes: '[read]', ...lines };
  const told = Object.entries(fields).filter(([, value]) => value !== '');
  return `  - ${told.map(([field, value]) => `${field}: ${value}`).join('\n    ')}\n`;
}

const clients = (...list: string[]) => `clients:\n${list.join('')}`;

test('a client is taken with what it must have, and sees all apps', () => {
  expect(readAccess(clients(aClient()))).toEqual([
    {
      name: 'bot',
      keys: [{ hash: HASH, expiresAt: null }],
      scopes: ['read'],
      apps: null,
      rateLimit: null,
    },
  ]);
});

test('a client is taken with all it may have', () => {
  const keys = `[{ hash: sha256:${HASH}, expiresAt: 2026-03-01T00:00:00Z }, { hash: sha256:${OTHER} }]`;
  const text = aClient({ keys, scopes: '[read, track, admin]', apps: '[a, b.c]', rateLimit: '7' });
  expect(readAccess(clients(text))).toEqual([
    {
      name: 'bot',
      keys: [
        { hash: HASH, expiresAt: Date.UTC(2026, 2, 1) },
        { hash: OTHER, expiresAt: null },
      ],
      scopes: ['read', 'track', 'admin'],
      apps: ['a', 'b.c'],
      rateLimit: 7,
    },
  ]);
});

const NAME = 'must be 1 to 63 of A-Z a-z 0-9 . _ - and start with a letter or digit';
const SHA = 'must be sha256: and 64 hex digits in lower case, the hash of a key';
const WHEN = 'must be an RFC 3339 date-time of this century, such as 2026-02-03T04:05:06.789Z';
const LIST = 'must be a list of one and more';
const SCOPE = 'must be one of read, track, admin';
const RATE = 'must be a whole number from 1 to 1000000';
const key = (text: string) => ({ keys: `[${text}]` });

describe('a file is refused, with the place of each fault and nothing that stands there', () => {
  test.each<[string, string, string[]]>([
    ['no mapping', 'x', ['line 1: the file must be a mapping with clients']],
    ['no clients', '{}', ['line 1: the file lacks clients']],
    ['clients that are nothing', 'clients:', [`line 1: clients ${LIST}`]],
    ['an empty list', 'clients: []', [`line 1: clients ${LIST}`]],
    [
      'another field',
      `${clients(aClient())}keys: x\n`,
      ['line 5: the file has a field that is unknown here; known are clients'],
    ],
    [
      'a client that is a text',
      'clients: [x]',
      ['line 1: clients[0] must be a mapping with name, keys, scopes, apps, rateLimit'],
    ],
    [
      'a client that lacks all',
      'clients:\n  - {}',
      [
        'line 2: clients[0] lacks name',
        'line 2: clients[0] lacks keys',
        'line 2: clients[0] lacks scopes',
      ],
    ],
    ['not YAML', 'clients: [', ['line 1: this is not valid YAML (bad indent)']],
  ])('%s', (_, text, expected) => {
    expect(faults(text)).toEqual(expected);
  });

  test.each<[string, Record<string, string>, string[]]>([
    ['a name with a space', { name: 'a b' }, [`line 2: clients[0].name ${NAME}`]],
    ['a name that is a number', { name: '7' }, [`line 2: clients[0].name ${NAME}`]],
    [
      'a key that is a text',
      key(`sha256:${HASH}`),
      ['line 3: clients[0].keys[0] must be a mapping with hash, expiresAt'],
    ],
    [
      'a key with no hash',
      key('{ expiresAt: 2026-03-01T00:00:00Z }'),
      ['line 3: clients[0].keys[0] lacks hash'],
    ],
    [
      'a key in the clear',
      key('{ hash: correct-horse-battery-staple }'),
      [`line 3: clients[0].keys[0].hash ${SHA}`],
    ],
    [
      'a hash in upper case',
      key(`{ hash: sha256:${HASH.toUpperCase()} }`),
      [`line 3: clients[0].keys[0].hash ${SHA}`],
    ],
    [
      'a hash of another kind',
      key(`{ hash: md5:${HASH} }`),
      [`line 3: clients[0].keys[0].hash ${SHA}`],
    ],
    [
      'a hash that is short',
      key(`{ hash: sha256:${HASH.slice(1)} }`),
      [`line 3: clients[0].keys[0].hash ${SHA}`],
    ],
    [
      'the same hash twice',
      key(`{ hash: sha256:${HASH} }, { hash: sha256:${HASH} }`),
      ['line 3: clients[0].keys[1].hash is the same as in line 3'],
    ],
    [
      'an instant that is a day',
      key(`{ hash: sha256:${HASH}, expiresAt: 2026-03-01 }`),
      [`line 3: clients[0].keys[0].expiresAt ${WHEN}`],
    ],
    [
      '30 February',
      key(`{ hash: sha256:${HASH}, expiresAt: 2026-02-30T00:00:00Z }`),
      [`line 3: clients[0].keys[0].expiresAt ${WHEN}`],
    ],
    ['no keys', { keys: '[]' }, [`line 3: clients[0].keys ${LIST}`]],
    [
      'a scope that there is not',
      { scopes: '[read, write]' },
      [`line 4: clients[0].scopes[1] ${SCOPE}`],
    ],
    ['no scopes', { scopes: '[]' }, [`line 4: clients[0].scopes ${LIST}`]],
    ['a scope that is no list', { scopes: 'admin' }, [`line 4: clients[0].scopes ${LIST}`]],
    ['apps that are nothing', { apps: '~' }, [`line 5: clients[0].apps ${LIST}`]],
    ['apps that are none', { apps: '[]' }, [`line 5: clients[0].apps ${LIST}`]],
    ['an app that has no name', { apps: "['']" }, [`line 5: clients[0].apps[0] ${NAME}`]],
    ['a limit of nothing', { rateLimit: '0' }, [`line 5: clients[0].rateLimit ${RATE}`]],
    ['a limit with a fraction', { rateLimit: '1.5' }, [`line 5: clients[0].rateLimit ${RATE}`]],
    ['a limit in words', { rateLimit: 'high' }, [`line 5: clients[0].rateLimit ${RATE}`]],
    [
      'another field',
      { role: 'admin' },
      [
        'line 5: clients[0] has a field that is unknown here; known are name, keys, scopes, apps, rateLimit',
      ],
    ],
  ])('%s', (_, lines, expected) => {
    expect(faults(clients(aClient(lines)))).toEqual(expected);
  });

  test('names and hashes that come twice', () => {
    expect(faults(clients(aClient(), aClient()))).toEqual([
      'line 5: clients[1] has the name of the client in line 2',
      'line 6: clients[1].keys[0].hash is the same as in line 3',
    ]);
  });

  test('whatever its size, in few words', () => {
    for (const text of [`clients: ${'['.repeat(50_000)}`, `clients:\n${'- x\n'.repeat(50_000)}`]) {
      expect(faults(text).length).toBeGreaterThan(0);
      expect(faults(text).length).toBeLessThanOrEqual(101);
    }
  });

  test('with no word of a secret that has slipped into it', () => {
    const good = clients(aClient({ apps: '[a]', rateLimit: '7' }));
    const words = [...good.matchAll(/[^\s{}[\],]+/g)];
    const aSecret = fc.stringMatching(/^[\x21-\x7e]{0,20}$/).map((text) => `S3cr3t${text}`);
    fc.assert(
      fc.property(fc.constantFrom(...words), aSecret, (word, secret) => {
        const text = good.slice(0, word.index) + secret + good.slice(word.index);
        expect(faults(text).join()).not.toContain('S3cr3t');
      }),
      { numRuns: 500 },
    );
  });
});

describe('the schema', () => {
  const root = new URL('../../config/', import.meta.url);
  const validator = Compile(JSON.parse(readFileSync(new URL('access.schema.json', root), 'utf8')));
  const example = readFileSync(new URL('access.example.yaml', root), 'utf8');

  test('holds for the example, which loads, and which names it', () => {
    expect(validator.Errors(parse(example))[1]).toEqual([]);
    expect(readAccess(example).map(({ name }) => name)).toEqual([
      'reception-bot',
      'notification-relay',
      'on-call',
    ]);
    expect(example).toContain('$schema=access.schema.json');
  });

  test('and the reader are of one mind on the form: of a client with one thing changed', () => {
    const minded = { right: 0, wrong: 0 };
    const agree = (document: object, what: string) => {
      const told = faults(stringify(document, { aliasDuplicateObjects: false }));
      const isRight = validator.Check(document);
      minded[isRight ? 'right' : 'wrong'] += 1;
      expect(told.length === 0, `${what}: ${told.join(', ')}`).toBe(isRight);
    };
    agree(WHOLE, 'unchanged');
    for (const at of placesIn(WHOLE, ['added', 'hash'])) {
      for (const value of [DELETED, ...VALUES]) agree(changed(WHOLE, at, value), at.join('.'));
    }
    expect(Math.min(minded.right, minded.wrong)).toBeGreaterThan(30);
  });
});

const KEYS = [{ hash: `sha256:${HASH}`, expiresAt: '2026-03-01T00:00:00.5+01:00' }];
const WHOLE = {
  clients: [
    { name: 'A.b_c-9', keys: KEYS, scopes: ['read', 'track'], apps: ['a', 'b'], rateLimit: 5 },
  ],
};
const VALUES = [
  ...[
    null,
    '',
    7,
    0,
    1.5,
    1_000_001,
    true,
    'read',
    'admin',
    'a b',
    [],
    ['x'],
    [7],
    {},
    { unknown: 1 },
  ],
  ...[KEYS, [{ hash: `sha256:${OTHER}` }], `sha256:${OTHER}`, `sha256:${OTHER}0`, HASH],
  ...['2026-03-01T00:00:00Z', '2026-03-01', '1926-03-01T00:00:00Z', ['admin'], ['read', 'none']],
];
