import { describe, expect, test } from 'vitest';
import {
  ALL_APPS,
  type CallRecord,
  emptyRecord,
  failureOf,
  removedOf,
  renewalOf,
  type Stop,
  stateOf,
} from '../../src/calls/record.ts';
import { aCall, anError, NOW, recordOf } from './fixture.ts';

const tracked = recordOf(aCall({ generation: 'r2', renewedAt: NOW + 10 }));
const aStop = (over: Partial<Stop> = {}): Stop => {
  return { generation: 'r2', at: NOW + 50, reason: 'request', resultInfo: null, ...over };
};
const anEnding = (over: Partial<NonNullable<CallRecord['ending']>> = {}) => {
  return { generation: 'r2', sentAt: NOW + 20, at: NOW + 40, error: anError(), ...over };
};
const anExpiry = (over: Partial<NonNullable<CallRecord['expiry']>> = {}) => {
  return { generation: 'r2', renewedAt: NOW + 10, at: NOW + 60, ...over };
};

describe('the state of a call', () => {
  test.each<[string, Partial<CallRecord>, ReturnType<typeof stateOf>]>([
    ['is tracked if nothing speaks against it', {}, 'tracked'],
    ['is untracked after a stop', { stops: { [ALL_APPS]: aStop() } }, 'untracked'],
    ['is untracked after a stop for its app', { stops: { default: aStop() } }, 'untracked'],
    ['is tracked after a stop for another app', { stops: { other: aStop() } }, 'tracked'],
    [
      'is tracked if the stop was an earlier word',
      { stops: { [ALL_APPS]: aStop({ generation: 'r1' }) } },
      'tracked',
    ],
    ["is ended after Graph's 404", { ending: anEnding() }, 'ended'],
    [
      'is ended if the renewal was sent with it',
      { ending: anEnding({ sentAt: NOW + 10 }) },
      'ended',
    ],
    ['is tracked if it was renewed later', { ending: anEnding({ sentAt: NOW + 9 }) }, 'tracked'],
    [
      'is tracked if an earlier tracking ended',
      { ending: anEnding({ generation: 'r1' }) },
      'tracked',
    ],
    ['is expired if it expired for its renewal', { expiry: anExpiry() }, 'expired'],
    [
      'is tracked if it expired for an earlier renewal',
      { expiry: anExpiry({ renewedAt: NOW + 9 }) },
      'tracked',
    ],
    [
      'is expired if it expired without a renewal',
      { renewedAt: null, expiry: anExpiry({ renewedAt: 0 }) },
      'expired',
    ],
    [
      'is tracked if an earlier tracking expired',
      { expiry: anExpiry({ generation: 'r1' }) },
      'tracked',
    ],
    ['is none if nobody has tracked it', { tracking: null, stops: { [ALL_APPS]: aStop() } }, null],
  ])('%s', (_, over, expected) => {
    expect(stateOf({ ...tracked, ...over })).toBe(expected);
  });

  test('is what came first if several reasons hold', () => {
    const all = { stops: { [ALL_APPS]: aStop() }, ending: anEnding(), expiry: anExpiry() };
    expect(removedOf({ ...tracked, ...all })).toEqual({ state: 'ended', at: NOW + 40 });
    const later = { ...all, ending: anEnding({ at: NOW + 70 }) };
    expect(removedOf({ ...tracked, ...later })).toEqual({ state: 'untracked', at: NOW + 50 });
  });
});

test('a stop of a call that nobody has tracked counts, whatever app it is for', () => {
  const unknown = emptyRecord('call-0001');
  expect(removedOf(unknown)).toBeNull();
  for (const app of [ALL_APPS, 'default']) {
    const removed = { state: 'untracked', at: NOW + 50 };
    expect(removedOf({ ...unknown, stops: { [app]: aStop() } })).toEqual(removed);
  }
});

describe('the renewal that counts', () => {
  test('is the last one since the call was tracked', () => {
    expect(renewalOf({ ...tracked, renewedAt: NOW })).toBe(NOW);
    expect(renewalOf({ ...tracked, renewedAt: NOW - 1 })).toBeNull();
    expect(renewalOf({ ...tracked, renewedAt: null })).toBeNull();
    expect(renewalOf({ ...tracked, tracking: null })).toBeNull();
  });
});

describe('the failure that counts', () => {
  const failure = (at: number) => {
    return { at, count: 1, retryAt: NOW + 90, atRiskAt: null, error: anError() };
  };

  test('is one since the last renewal, and since the call was tracked', () => {
    const failing = (at: number, renewedAt: number | null = NOW + 10) =>
      failureOf({ ...tracked, renewedAt, failure: failure(at) })?.at ?? null;
    expect(failing(NOW + 11)).toBe(NOW + 11);
    expect(failing(NOW + 10)).toBeNull();
    expect(failing(NOW, null)).toBe(NOW);
    expect(failing(NOW - 1, null)).toBeNull();
    expect(failureOf({ ...tracked, tracking: null, failure: failure(NOW) })).toBeNull();
    expect(failureOf(tracked)).toBeNull();
  });
});
