import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type FailureSummary, Summaries } from '../../src/log/summaries.ts';

let written: FailureSummary<string>[] = [];
let summaries = new Summaries<string>(() => undefined);
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 });
  written = [];
  summaries = new Summaries((summary) => void written.push(summary));
  return () => vi.useRealTimers();
});
const MINUTE = 60_000;

describe('what happens again and again is written', () => {
  test('at once the first time, and then once a minute with its counts', () => {
    for (let i = 0; i < 1_000; i++) summaries.add('500', `call-${i % 300}`, `at ${i}`);
    const own = { since: 1_000, isMixed: false };
    expect(written).toEqual([{ ...own, kind: 'first', count: 1, calls: 1, example: 'at 0' }]);
    vi.advanceTimersByTime(MINUTE);
    for (let i = 0; i < 5; i++) summaries.add('500', 'call-7', 'late');
    vi.advanceTimersByTime(MINUTE);
    expect(written.slice(1)).toEqual([
      { ...own, kind: 'more', count: 999, calls: 300, example: 'at 999' },
      { ...own, kind: 'more', count: 5, calls: 1, example: 'late' },
    ]);
  });

  test('for each cause by itself', () => {
    for (let i = 0; i < 10; i++)
      for (const cause of ['500', '503']) summaries.add(cause, 'c', cause);
    vi.advanceTimersByTime(MINUTE);
    expect(written.map(({ kind, count, example }) => [kind, count, example])).toEqual([
      ['first', 1, '500'],
      ['first', 1, '503'],
      ['more', 9, '500'],
      ['more', 9, '503'],
    ]);
  });

  test('once more after a minute without it, with the total', () => {
    for (let i = 0; i < 3; i++) summaries.add('500', `call-${i}`, `at ${i}`);
    vi.advanceTimersByTime(2 * MINUTE);
    expect(written.at(-1)).toEqual({
      kind: 'over',
      count: 3,
      calls: 0,
      since: 1_000,
      example: 'at 2',
      isMixed: false,
    });
    vi.advanceTimersByTime(10 * MINUTE);
    expect(written).toHaveLength(3);
    summaries.add('500', 'call-1', 'again');
    expect(written.at(-1)).toMatchObject({ kind: 'first', since: 1_000 + 12 * MINUTE });
  });

  test('but a single time only once', () => {
    summaries.add('500', 'call-1', 'once');
    vi.advanceTimersByTime(10 * MINUTE);
    expect(written).toHaveLength(1);
  });
});

test('the 51st cause and later ones are counted together', () => {
  for (let i = 0; i < 200; i++) summaries.add(`cause ${i}`, 'call-1', `at ${i}`);
  expect(written.filter(({ kind }) => kind === 'first')).toHaveLength(51);
  vi.advanceTimersByTime(MINUTE);
  expect(written.slice(51)).toMatchObject([{ kind: 'more', count: 149, example: 'at 199' }]);
  expect(written.map(({ isMixed }) => isMixed)).toEqual([...Array(50).fill(false), true, true]);
});

test('the counts are written when the process ends, and nothing after that', () => {
  for (let i = 0; i < 3; i++) summaries.add('500', 'call-1', `at ${i}`);
  summaries.add('503', 'call-1', 'once');
  summaries.flush();
  expect(written.slice(2)).toMatchObject([{ kind: 'more', count: 2 }]);
  vi.advanceTimersByTime(10 * MINUTE);
  expect(written).toHaveLength(3);
});
