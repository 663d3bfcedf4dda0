import { expect, onTestFinished, test, vi } from 'vitest';
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
