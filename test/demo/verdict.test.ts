import { describe, expect, test } from 'vitest';
import { type CallAtGraph, judge, readTruth } from '../../src/demo/verdict.ts';

const DEADLINE_MS = 30_000;

function call(id: string, over: Partial<CallAtGraph> = {}): CallAtGraph {
  return { id, state: 'established', renewals: 3, worstGapMs: 10_000, ...over };
}

describe('the truth of a run', () => {
  test('counts the calls that Callkeeper promised to keep alive, and no others', () => {
    const calls = [
      call('kept', { worstGapMs: 12_500 }),
      call('over', { state: 'ended', renewals: 1 }),
      call('never tracked', { state: 'timedOut', worstGapMs: DEADLINE_MS, renewals: 0 }),
    ];
    expect(readTruth(calls, new Set(['kept', 'over']), DEADLINE_MS)).toEqual({
      tracked: 2,
      alive: 1,
      renewals: 4,
      smallestMarginMs: 17_500,
      lost: [],
    });
  });

  test('has no smallest margin before there is a call', () => {
    expect(readTruth([], new Set(), DEADLINE_MS).smallestMarginMs).toBeNull();
  });
});

describe('the verdict', () => {
  const good = readTruth([call('a'), call('b')], new Set(['a', 'b']), DEADLINE_MS);

  test('passes where no call was lost, with the smallest margin', () => {
    expect(judge(good, DEADLINE_MS, true)).toEqual({
      passed: true,
      text:
        'PASSED: 2 calls tracked, 6 keepAlives succeeded, no call passed its deadline; ' +
        'smallest margin 20.0 s of 30.0 s',
    });
  });

  test('fails where Graph ended a call for want of a keepAlive, and names it', () => {
    const lost = call('b', { state: 'timedOut', worstGapMs: DEADLINE_MS });
    const truth = readTruth([call('a'), lost], new Set(['a', 'b']), DEADLINE_MS);
    expect(judge(truth, DEADLINE_MS, true)).toEqual({
      passed: false,
      text: 'FAILED: 1 of 2 calls passed their deadline: b',
    });
  });

  test.each([
    [true, false, 'FAILED'],
    [false, true, 'Too short to tell'],
  ])('with no keepAlive at all, after the whole time (%s): passed %s', (isWhole, passed, word) => {
    const nothing = readTruth([], new Set(), DEADLINE_MS);
    expect(judge(nothing, DEADLINE_MS, isWhole)).toEqual({
      passed,
      text: `${word}: 0 calls tracked, 0 keepAlives succeeded`,
    });
  });
});
