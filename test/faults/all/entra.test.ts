import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { scenario } from '../scenario.ts';

describe('no call passes its deadline when Entra', () => {
  const eager = { simulator: { refreshInMs: 1_000 } };
  scenario('is out for long, with a good token at hand', eager, async ({ simulator }) => {
    await simulator.entraDown();
    await sleep(15_000);
    await simulator.entraUp();
  });

  scenario(
    'is out when the token expires, and comes back',
    { simulator: { tokenLifetimeMs: 10_000 } },
    async ({ simulator }) => {
      await sleep(4_000);
      await simulator.entraDown();
      await sleep(6_000);
      await simulator.entraUp();
    },
  );

  scenario('hangs, throttles and errs', eager, async ({ simulator }) => {
    simulator.entraFaults.set({ kind: 'hang' });
    await sleep(4_000);
    simulator.entraFaults.clear();
    const headers = { 'retry-after': '3' };
    simulator.entraFaults.set({ kind: 'status', status: 429, headers });
    await sleep(4_000);
    simulator.entraFaults.clear();
  });

  scenario('revokes the token', { metricsEqualLedger: true }, async ({ simulator }) => {
    simulator.revokeTokens();
    await sleep(5_000);
    simulator.revokeTokens();
  });

  scenario('wants a token with other claims', {}, async ({ simulator }) => {
    simulator.revokeTokens({ access_token: { nbf: { essential: true, value: '1795463590' } } });
    await sleep(3_000);
  });

  scenario('takes another secret, rotated in its file', {}, async ({ simulator, directory }) => {
    simulator.clients.acceptSecrets(['rotated-secret']);
    simulator.revokeTokens();
    await sleep(2_500);
    await writeFile(join(directory, 'secret'), 'rotated-secret\n');
  });
});
