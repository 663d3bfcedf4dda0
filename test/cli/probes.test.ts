import { expect, test } from 'vitest';
import { probe } from '../../src/cli/probes.ts';
import { aServer } from '../client/server.ts';

test('a probe gives up an answer without an end', async () => {
  const { url } = await aServer((response) => {
    const more = () => {
      if (!response.destroyed) response.write('x'.repeat(1_000_000), more);
    };
    more();
  });
  const probed = await probe(url, 'livez', AbortSignal.timeout(60_000));
  expect(probed).toEqual({ kind: 'silent', why: 'the answer has more than 4000000 bytes' });
}, 60_000);
