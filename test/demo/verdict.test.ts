import { describe, expect, test } from 'vitest';
import type { PromisedCall } from '../../src/demo/promised-calls.ts';
import { type CallAtGraph, readTruth, toVerdict } from '../../src/demo/verdict.ts';

const DEADLINE_MS = 30_000;

function call(id: string, over: Partial<CallAtGraph> = {}): CallAtGraph {
  return { id, state: 'established', endedAt: null, renewals: 3, worstGapMs: 10_000, ...over };
}

function promised(...ids: readonly string[]): Map<string, PromisedCall> {
  return new Map(ids.map((id) => [id, { releasedAt: null, releasedGapMs: null, againAt: null }]));
}

describe('the truth of a run', () => {
  test('counts the calls that Callkeeper promised to keep alive, and no others', () => {
    const calls = [
      call('kept', { worstGapMs: 12_500 }),
      call('over', { state: 'ended', renewals: 1 }),
      call('never tracked', { state: 'timedOut', worstGapMs: DEADLINE_MS, renewals: 0 }),
    ];
    expect(readTruth(calls, promised('kept', 'over'), DEADLINE_MS)).toEqual({
      tracked: 2,
      alive: 1,
      renewals: 4,
      smallestMarginMs: 17_500,
      released: 0,
      lost: [],
    });
  });

  test('has no smallest margin before there is a call', () => {
    expect(readTruth([], promised(), DEADLINE_MS).smallestMarginMs).toBeNull();
  });
});

describe('the truth about a call that was stopped because its bot was dead', () => {
  const released: PromisedCall = { releasedAt: 50_000, releasedGapMs: 11_000, againAt: null };
  const truth = (over: Partial<CallAtGraph>, promise: Partial<PromisedCall> = {}) => {
    const calls = [call('a', over)];
    return readTruth(calls, new Map([['a', { ...released, ...promise }]]), DEADLINE_MS);
  };
  const timedOut = { state: 'timedOut', worstGapMs: DEADLINE_MS } as const;

  test('counts neither its death nor its last gap', () => {
    expect(truth({ ...timedOut, endedAt: 72_000 })).toEqual({
      tracked: 1,
      alive: 0,
      renewals: 3,
      smallestMarginMs: 19_000,
      released: 1,
      lost: [],
    });
  });

  test('does not count it as alive, although Graph has not ended it yet', () => {
    expect(truth({}).alive).toBe(0);
    expect(truth({}, { againAt: 60_000 }).alive).toBe(1);
  });

  test('counts it as lost if it died before it was stopped', () => {
    expect(truth({ ...timedOut, endedAt: 49_000 }).lost).toEqual(['a']);
  });

  test.each([
    [89_999, []],
    [90_000, ['a']],
  ])('of calls tracked again at 60,000 that died at %d, counts %j as lost', (endedAt, lost) => {
    expect(truth({ ...timedOut, endedAt }, { againAt: 60_000 }).lost).toEqual(lost);
  });
});

describe('the verdict', () => {
  const good = readTruth([call('a'), call('b')], promised('a', 'b'), DEADLINE_MS);

  test('passes if no call was lost, with the smallest margin', () => {
    expect(toVerdict(good, DEADLINE_MS, true)).toEqual({
      passed: true,
      text:
        'PASSED: 2 calls tracked, 6 keepAlives succeeded, no call passed its deadline; ' +
        'smallest margin 20.0 s of 30.0 s',
    });
  });

  test('says how many calls of dead bots were stopped', () => {
    expect(toVerdict({ ...good, released: 6 }, DEADLINE_MS, true)).toEqual({
      passed: true,
      text:
        'PASSED: 2 calls tracked, 6 keepAlives succeeded, 6 calls of dead bots were stopped, ' +
        'no call passed its deadline; smallest margin 20.0 s of 30.0 s',
    });
  });

  test('fails if Graph ended a call because it got no keepAlive, and names the call', () => {
    const lost = call('b', { state: 'timedOut', worstGapMs: DEADLINE_MS });
    const truth = readTruth([call('a'), lost], promised('a', 'b'), DEADLINE_MS);
    expect(toVerdict(truth, DEADLINE_MS, true)).toEqual({
      passed: false,
      text: 'FAILED: 1 of 2 calls passed their deadline: b',
    });
  });

  test.each([
    [true, false, 'FAILED'],
    [false, true, 'Too short to tell'],
  ])('with no keepAlive at all, after the whole time (%s): passed %s', (isWhole, passed, word) => {
    const nothing = readTruth([], promised(), DEADLINE_MS);
    expect(toVerdict(nothing, DEADLINE_MS, isWhole)).toEqual({
      passed,
      text: `${word}: 0 calls tracked, 0 keepAlives succeeded`,
    });
  });
});
