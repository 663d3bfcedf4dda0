import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { hashOf, type KeyHolder, KeyRing } from '../../src/access/key-ring.ts';
import type { Principal } from '../../src/calls/principal.ts';

const OLD = 'an-old-key-of-enough-length';
const NEW = 'a-new-key-of-enough-length!';
const CLEAR = 'correct-horse-battery-staple';

let now: number;
let ring: KeyRing;
beforeEach(() => {
  now = 1_000;
  ring = new KeyRing([CLEAR], () => now);
});

const aHolder = (over: Partial<KeyHolder> = {}): KeyHolder => ({
  name: 'bot',
  keys: [{ hash: hashOf(OLD), expiresAt: null }],
  scopes: ['read'],
  apps: null,
  rateLimit: null,
  ...over,
});

function principalOf(key: string): Principal {
  const identity = ring.identify(key);
  if (identity.kind !== 'known') throw new Error(`${key} is ${identity.kind}`);
  return identity.principal;
}

const refusal = (key: string) => {
  const identity = ring.identify(key);
  return identity.kind === 'unknown' ? identity.reason : identity.kind;
};

test('a key is recognised by its SHA-256', () => {
  expect(hashOf(OLD)).toBe(createHash('sha256').update(OLD).digest('hex'));
  ring.use([aHolder()]);
  expect(principalOf(OLD)).toMatchObject({ name: 'bot', visibleApps: null, rateLimit: null });
  for (const other of ['', 'x', OLD.slice(1), `${OLD} `, hashOf(OLD), `sha256:${hashOf(OLD)}`]) {
    expect(refusal(other)).toBe('this server does not know the key');
  }
});

test('a key has the scopes and apps of its client in the file', () => {
  ring.use([aHolder({ scopes: ['read', 'track'], apps: ['a'], rateLimit: 7 })]);
  expect(principalOf(OLD)).toMatchObject({
    scopes: new Set(['read', 'track']),
    visibleApps: new Set(['a']),
    rateLimit: 7,
  });
});

test('keys of API_KEYS may do everything, under names that no client in the file can have', () => {
  ring.use([aHolder()]);
  expect(principalOf(CLEAR)).toMatchObject({ name: 'API_KEYS[0]', scopes: new Set(['admin']) });
  ring.use([]);
  expect(principalOf(CLEAR).name).toBe('API_KEYS[0]');
});

describe('while keys are rotated', () => {
  const both = [
    { hash: hashOf(NEW), expiresAt: null },
    { hash: hashOf(OLD), expiresAt: 2_000 },
  ];

  test('both are valid, the old one until it expires', () => {
    ring.use([aHolder({ keys: both })]);
    expect([principalOf(OLD).name, principalOf(NEW).name]).toEqual(['bot', 'bot']);
    now = 1_999;
    expect(principalOf(OLD).name).toBe('bot');
    now = 2_000;
    expect(refusal(OLD)).toBe('the key of bot has expired');
    expect(principalOf(NEW).name).toBe('bot');
  });

  test('a client that used the old one stays admitted until it expires', () => {
    ring.use([aHolder({ keys: both })]);
    const principal = principalOf(OLD);
    expect(principal.stillHolds()).toBe(true);
    now = 2_000;
    expect(principal.stillHolds()).toBe(false);
  });
});

describe('when the file changes', () => {
  test('a removed key is invalid at once', () => {
    ring.use([aHolder()]);
    const principal = principalOf(OLD);
    ring.use([aHolder({ keys: [{ hash: hashOf(NEW), expiresAt: null }] })]);
    expect(refusal(OLD)).toBe('this server does not know the key');
    expect(principal.stillHolds()).toBe(false);
  });

  test('a client keeps its streams only if its rights are unchanged', () => {
    ring.use([aHolder({ apps: ['a'] })]);
    const principal = principalOf(OLD);
    ring.use([aHolder({ apps: ['a'], rateLimit: 3 }), aHolder({ name: 'other', keys: [] })]);
    expect(principal.stillHolds()).toBe(true);
    const changes = [
      { apps: ['b'] },
      { apps: null },
      { scopes: ['track'] as const },
      { name: 'x' },
    ];
    for (const change of changes) {
      ring.use([aHolder({ apps: ['a'], ...change })]);
      expect([change, principal.stillHolds()]).toEqual([change, false]);
    }
  });
});
