import { afterAll, beforeAll, expect, test } from 'vitest';
import { Dispatchers } from '../../src/graph/dispatchers.ts';
import { acquireManagedToken } from '../../src/graph/managed-identity.ts';
import { PATIENT } from './fixtures.ts';
import { json, Machine } from './machine.ts';

// A virtual machine's IMDS. MSAL knows one way to have it elsewhere than at 169.254.169.254.
const machine = new Machine();
const connections = new Dispatchers(4, PATIENT, { http: null, https: null, no: null });

beforeAll(async () => {
  await machine.start();
  process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = machine.origin;
});
afterAll(async () => {
  await connections.close();
  await machine.stop();
});

test('IMDS is asked where the environment names nothing else, and not again at once', async () => {
  const options = {
    dispatcher: connections.direct,
    tokenMs: PATIENT.tokenMs,
    userAgent: 'callkeeper/test',
    now: () => Date.now(),
  };
  const identity = { by: 'resourceId', id: '/subscriptions/s/x' } as const;
  const resource = 'https://graph.microsoft.com';
  expect((await acquireManagedToken(identity, resource, options)).value).toMatch(/^machine\./);
  // It asks to be asked again after a 404 or 410; when, is for the token cache to decide.
  machine.replies.push((response) => json(response, 410, { error: 'gone' }));
  await expect(acquireManagedToken(identity, resource, options)).rejects.toMatchObject({
    code: 'TOKEN',
  });
  expect(machine.asked).toMatchObject([
    {
      path: expect.stringMatching(/^\/metadata\/identity\/oauth2\/token\/?$/),
      query: { resource, msi_res_id: '/subscriptions/s/x', 'api-version': '2018-02-01' },
      headers: { metadata: 'true' },
    },
    {},
  ]);
});
