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

test('the attempts of the last ten thousand calls are kept, but not of twice as many', () => {
  const recent = new RecentAttempts();
  const addOthers = (name: string, count: number) => {
    for (let i = 0; i < count; i++) recent.add(`${name}-${i}`, FAILED, NOW);
  };
  recent.add('a', FAILED, NOW);
  recent.add('b', FAILED, NOW);
  addOthers('first', 9_999);
  expect(recent.of('b')).toHaveLength(1);
  recent.add('a', FAILED, NOW + 1);
  addOthers('second', 10_000);
  expect(recent.of('a').map(({ at }) => at - NOW)).toEqual([1, 0]);
  expect(recent.of('b')).toEqual([]);
  addOthers('third', 10_000);
  expect(recent.of('a')).toEqual([]);
});
