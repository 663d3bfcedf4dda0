import { expect, test } from 'vitest';
import { nearest } from '../../src/config/did-you-mean.ts';

const NAMES = ['serve', 'check', 'list', 'show', 'track', 'untrack', 'watch', 'health'];

test.each([
  ['lst', 'list'],
  ['sevre', 'serve'],
  ['tracks', 'track'],
  ['hea', 'health'],
  ['UNTRACK', null],
  ['nonsense', null],
  ['', null],
  ['x', null],
])('%j is near %j', (given, meant) => {
  expect(nearest(given, NAMES)).toBe(meant);
});
