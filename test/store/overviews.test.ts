import { describe, expect, test, vi } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import type { ReplicaReport } from '../../src/overview/diary.ts';
import type { ReplicaReports } from '../../src/overview/history.ts';
import type { RedisCause } from '../../src/store/cause.ts';
import { Census } from '../../src/store/census.ts';
import { LocalOverviews } from '../../src/store/overviews.ts';
import {
  aCall,
  anError,
  DEADLINE_MS,
  idIn,
  NOW,
  recordOf,
  TENANT,
  WHEEL,
} from '../calls/fixture.ts';
import { aLocal } from './fixture.ts';

function aPage(replica: string): ReplicaReport {
  const times = { startedAt: NOW, at: NOW, stoppedAt: null };
  return { replica, version: '1', ...times, cells: [], incidents: [], causes: [], successes: [] };
}

const PAGES = { own: aPage('a'), others: [aPage('b')], alive: new Set(['a', 'b', 'c']) };
const namesOf = (replicas: readonly { replica: string }[]) =>
  replicas.map(({ replica }) => replica);

/** Why a call of the app `recorder` fails. */
const CAUSE = {
  app: 'recorder',
  tenantId: TENANT,
  error: anError(),
  calls: 1,
  since: NOW,
  firstLossAt: NOW,
  afterSuccess: null,
};

function someOverviews() {
  const local = aLocal();
  const census = new Census(local, WHEEL.slots, DEADLINE_MS);
  const digests = vi.spyOn(census, 'digests');
  const put = (call: Call) => void local.merge(recordOf(call));
  const link = { up: true, cause: null as RedisCause | null };
  const diaries = { pages: async (): Promise<ReplicaReports> => PAGES };
  const overviews = new LocalOverviews({
    census,
    registry: local,
    diaries,
    wheel: WHEEL,
    link,
    deadlineMs: DEADLINE_MS,
    clock: { now: () => NOW, sleep: async () => undefined },
  });
  return { census, put, diaries, digests, link, overviews };
}

test('the calls are counted once for all who ask at a time, and again when that is old', async () => {
  const { put, digests, overviews } = someOverviews();
  put(aCall({ id: idIn(0) }));
  const both = await Promise.all([overviews.read(null), overviews.read(null)]);
  expect(both.map(({ tally }) => tally.tracked)).toEqual([1, 1]);
  put(aCall({ id: idIn(1) }));
  expect((await overviews.read(null)).tally.tracked).toBe(1);
  expect(digests).toHaveBeenCalledTimes(1);
  await vi.waitFor(async () => expect((await overviews.read(null)).tally.tracked).toBe(2), {
    timeout: 10_000,
    interval: 50,
  });
});

test('a key that is limited to some apps gets only their calls', async () => {
  const { put, overviews } = someOverviews();
  put(aCall({ id: idIn(0), app: 'reception' }));
  put(aCall({ id: idIn(1), app: 'recorder', consecutiveFailures: 1 }));
  const { tally, nearest } = await overviews.read(new Set(['reception']));
  expect(tally).toMatchObject({ tracked: 1, failing: 0 });
  expect(nearest.map(({ id }) => id)).toEqual([idIn(0)]);
  expect((await overviews.read(new Set())).tally.tracked).toBe(0);
});

describe('of two apps with failing records, one of which a replica knows to fail', () => {
  const before = { startedAt: NOW - WHEEL.intervalMs };
  const own = { ...aPage('a'), ...before, causes: [CAUSE] };
  const other = { ...aPage('b'), ...before };
  const settled = { own, others: [other], alive: new Set(['b']) };

  /** The ids that are said to fail: of the apps reception and recorder, in this order. */
  async function failingIn(pages: ReplicaReports, up = true): Promise<string[]> {
    const { put, diaries, link, overviews } = someOverviews();
    const failing = { consecutiveFailures: 1, lastError: anError() };
    put(aCall({ id: idIn(0), app: 'reception', ...failing }));
    put(aCall({ id: idIn(1), app: 'recorder', ...failing }));
    diaries.pages = async () => pages;
    link.up = up;
    const { tally, nearestFailing } = await overviews.read(null);
    expect(tally).toMatchObject({ tracked: 2, failing: nearestFailing.length });
    return nearestFailing.map(({ id }) => id).sort();
  }

  test('the other app counts as well again', async () => {
    expect(await failingIn(settled)).toEqual([idIn(1)]);
    const longGone = { ...aPage('gone'), at: NOW - WHEEL.intervalMs };
    expect(await failingIn({ ...settled, others: [other, longGone] })).toEqual([idIn(1)]);
  });

  test.each<[string, ReplicaReports, boolean]>([
    ['a replica went away', { ...settled, others: [other, aPage('gone')] }, true],
    ['a replica is new', { ...settled, others: [aPage('b')] }, true],
    ['a replica has not reported', { ...settled, alive: new Set(['b', 'c']) }, true],
    ['a report is full', { ...settled, own: { ...own, causes: Array(100).fill(CAUSE) } }, true],
    ['Redis is out', settled, false],
  ])('both fail if %s', async (_, pages, up) => {
    expect(await failingIn(pages, up)).toEqual([idIn(0), idIn(1)].sort());
  });
});

test('a call that moved to another app since the count is left out', async () => {
  const { census, put, digests, overviews } = someOverviews();
  put(aCall({ id: idIn(0), app: 'reception' }));
  digests.mockImplementationOnce(async () => {
    const counted = await census.digests();
    put(aCall({ id: idIn(0), app: 'recorder', generation: 'r2' }));
    return counted;
  });
  expect((await overviews.read(new Set(['reception']))).nearest).toEqual([]);
});

test('while Redis is out only this replica is known, and that at once', async () => {
  const { link, overviews } = someOverviews();
  const before = await overviews.read(null);
  expect(before.redis).toEqual({ up: true, cause: null, fix: null, since: null });
  expect(namesOf(before.replicas)).toEqual(['a', 'b', 'c']);
  link.up = false;
  link.cause = { code: 'OOM', what: 'Redis is out of memory', fix: 'Give it more.' };
  const after = await overviews.read(null);
  expect(after.redis).toMatchObject({
    up: false,
    cause: 'Redis is out of memory',
    fix: 'Give it more.',
  });
  expect(namesOf(after.replicas)).toEqual(['a']);
});

test('while Redis is out, a replica does not show older failures of other replicas', async () => {
  const { diaries, link, overviews } = someOverviews();
  const other = { ...aPage('b'), causes: [CAUSE] };
  diaries.pages = async () => ({ ...PAGES, others: [other] });
  expect((await overviews.read(null)).causes).toEqual([CAUSE]);
  link.up = false;
  expect((await overviews.read(null)).causes).toEqual([]);
  diaries.pages = async () => ({ ...PAGES, own: { ...aPage('a'), causes: [CAUSE] } });
  expect((await overviews.read(null)).causes).toEqual([CAUSE]);
});

test('a count that fails is made again', async () => {
  const { digests, overviews } = someOverviews();
  digests.mockRejectedValueOnce(new Error('no'));
  await expect(overviews.read(null)).rejects.toThrow('no');
  await vi.waitFor(async () => expect((await overviews.read(null)).tally.tracked).toBe(0), {
    timeout: 10_000,
    interval: 50,
  });
});
