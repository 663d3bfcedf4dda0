import { expect, test } from 'vitest';
import { SigningKeysError } from '../../src/jwt/signing-keys.ts';
import { InvalidTokenError } from '../../src/jwt/verify.ts';
import { admit } from '../../src/notifications/admission.ts';

/** `a` and `a-too` are one app of Microsoft's, in two tenants say. */
const APPS = new Map([
  ['b', { clientId: 'client-b' }],
  ['a', { clientId: 'client-a' }],
  ['a-too', { clientId: 'client-a' }],
]);

function admitting(audience: string | Error, named?: string, defaultApp = 'b') {
  const verify = async () => {
    if (audience instanceof Error) throw audience;
    return audience;
  };
  return admit({ verifier: { verify }, apps: APPS, defaultApp }, 'Bearer x', named);
}

test.each([
  ['of one app, for its calls', 'client-b', undefined, 'b', ['b']],
  ['of two apps, for the calls of both', 'client-a', undefined, 'a', ['a', 'a-too']],
  [
    'of two apps of which one is named, for its calls alone',
    'client-a',
    'a-too',
    'a-too',
    ['a-too'],
  ],
  ["of the configuration's own audience, for all calls", 'own', undefined, undefined, null],
  ["of the configuration's own audience, for those of the named app", 'own', 'b', 'b', ['b']],
] as const)('a token is admitted %s', async (_, audience, named, app, apps) => {
  expect(await admitting(audience, named)).toEqual({
    kind: 'admitted',
    app,
    visibleApps: apps && new Set(apps),
  });
});

test('a token of two apps tracks calls for the default one', async () => {
  expect(await admitting('client-a', undefined, 'a-too')).toMatchObject({ app: 'a-too' });
});

test.each([
  ['for another app than is named', 'client-b', 'a', 'refused'],
  ['that is not good', new InvalidTokenError('no'), undefined, 'refused'],
  ['that cannot be checked', new SigningKeysError('no'), undefined, 'unverifiable'],
] as const)('a token %s is not', async (_, audience, named, kind) => {
  expect(await admitting(audience, named)).toMatchObject({ kind });
});
