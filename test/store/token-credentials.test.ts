import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { TokenCredentials } from '../../src/store/token-credentials.ts';
import { realClock, SOON } from './fixture.ts';

test('a token that lasts, but cannot be used, is a fault that says why', async () => {
  const why = 'the token has no oid; put the object id of its identity into REDIS_URL';
  const credentials = new TokenCredentials({
    source: {
      get: () => Promise.reject(new Error(why)),
      leftMs: () => 60_000,
      replace: async () => undefined,
    },
    clock: realClock,
    username: undefined,
    fix: '',
  });
  onTestFinished(() => credentials.stop());
  credentials.start();
  await vi.waitFor(() => expect(credentials.fault?.what).toContain(why), SOON);
});

describe('while the first token is not there yet', () => {
  const waiting = () =>
    new TokenCredentials({
      source: {
        get: () => new Promise(() => undefined),
        leftMs: () => 0,
        replace: async () => undefined,
      },
      clock: realClock,
      username: undefined,
      fix: '',
    });

  test('the fault says so', () => {
    const credentials = waiting();
    onTestFinished(() => credentials.stop());
    credentials.start();
    expect(credentials.fault).toMatchObject({
      code: 'NO_TOKEN',
      what: 'no token for Redis: waiting for the first one',
    });
  });

  test('a stop does not wait for it', async () => {
    const credentials = waiting();
    credentials.start();
    await credentials.stop();
    await credentials.stop();
  });
});
