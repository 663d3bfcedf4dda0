import { expect, test } from 'vitest';
import { Tokens, type TokensOptions } from '../../src/graph/tokens.ts';
import { silent } from '../store/fixture.ts';
import { makeApp } from './fixtures.ts';

test('the tokens of more tenants than can be held are forgotten by their last use', () => {
  const options = { random: () => 0.5, log: silent, requested: () => undefined, reserveMs: 0 };
  const tokens = new Tokens(options as unknown as TokensOptions);
  const app = makeApp({
    authorityHost: 'https://localhost',
    graphBaseUrl: 'http://localhost/v1.0',
  });
  const caches = Array.from({ length: 10_000 }, (_, i) => tokens.of(app, `tenant-${i}`));
  expect(tokens.of(app, 'tenant-0')).toBe(caches[0]);
  tokens.of(app, 'one more');
  expect(tokens.of(app, 'tenant-0')).toBe(caches[0]);
  expect(tokens.of(app, 'tenant-1')).not.toBe(caches[1]);
});
