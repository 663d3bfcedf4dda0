import { expect, test } from 'vitest';
import { RecentAttempts } from '../../src/overview/recent-attempts.ts';
import { anError, NOW } from '../calls/fixture.ts';

const FAILED = { kind: 'failed', sentAt: NOW, error: anError({ status: 500, code: 'x' }) } as const;

test('the last attempts of a call come latest first, with how long each took', () => {
  const recent = new RecentAttempts();
  recent.add('a', FAILED, NOW + 120);
  recent.add('a', { ...FAILED, sentAt: null }, NOW + 130);
  recent.add('a', { kind: 'renewed', sentAt: NOW + 140 }, NOW + 150);
  expect(recent.of('a')).toEqual([
    { at: NOW + 150, outcome: 'renewed', status: null, code: null, durationMs: 10 },
    { at: NOW + 130, outcome: 'failed', status: 500, code: 'x', durationMs: null },
    { at: NOW + 120, outcome: 'failed', status: 500, code: 'x', durationMs: 120 },
  ]);
  expect(recent.of('b')).toEqual([]);
});

test('ten attempts of a call are kept', () => {
  const recent = new RecentAttempts();
  for (let i = 0; i < 12; i++) recent.add('a', FAILED, NOW + i);
  expect(recent.of('a').map(({ at }) => at - NOW)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
});

test('the last hundred thousand attempts of all calls together are kept', () => {
  const recent = new RecentAttempts();
  recent.add('a', FAILED, NOW);
  recent.add('a', FAILED, NOW + 1);
  for (let i = 0; i < 99_998; i++) recent.add(`other-${i}`, FAILED, NOW);
  expect(recent.of('a').map(({ at }) => at - NOW)).toEqual([1, 0]);
  recent.add('b', FAILED, NOW);
  expect(recent.of('a').map(({ at }) => at - NOW)).toEqual([1]);
  recent.add('b', FAILED, NOW + 1);
  expect([recent.of('a'), recent.of('b')]).toMatchObject([[], [{ at: NOW + 1 }, { at: NOW }]]);
});
