import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { slotOf, turnAfter } from '../../src/calls/wheel.ts';
import type { FailureCause } from '../../src/overview/causes.ts';
import { OTHERS, STEPS } from '../../src/overview/cells.ts';
import { Diary, type ReplicaReport } from '../../src/overview/diary.ts';
import { COUNT_STEP, type CurrentCall } from '../../src/overview/failing-calls.ts';
import {
  causesIn,
  columnsOf,
  incidentsOf,
  type ReplicaReports,
  sentWithin,
  successesIn,
} from '../../src/overview/history.ts';
import { aCall, anError, aRemovedCall, DEADLINE_MS, MINUTE, NOW, WHEEL } from '../calls/fixture.ts';

const START = Math.floor(NOW / MINUTE) * MINUTE;
const HOUR = 60 * MINUTE;
const RENEWED = { kind: 'renewed', sentAt: NOW } as const;
const FAILED = { kind: 'failed', sentAt: NOW, error: anError({ status: 500 }) } as const;
const NO_TOKEN = { ...FAILED, sentAt: null };
const TIMED_OUT = { code: 408, subcode: 8537, message: 'Keep Alive timeout' };
const FORBIDDEN = anError({ status: 403, code: 'Forbidden', message: 'No.' });

/** How each diary is read, with what its replica knows of the calls. */
const pages = new WeakMap<Diary, () => ReplicaReport>();

function aDiary(replica = 'a') {
  const time = { now: START };
  const removed = new Set<string>();
  const renewed = new Map<string, number>();
  const current = (id: string) => (removed.has(id) ? null : { renewedAt: renewed.get(id) ?? null });
  const options = {
    replica,
    version: '1',
    wheel: WHEEL,
    deadlineMs: DEADLINE_MS,
    clock: { now: () => time.now },
  };
  const diary = new Diary(options);
  pages.set(diary, () => diary.page(causesOf(diary, current)));
  return { time, diary, removed, renewed };
}

/** As one count without a pause. */
function causesOf(diary: Diary, current: CurrentCall): FailureCause[] {
  const count = diary.countCauses(current);
  for (;;) {
    const { done, value } = count.next();
    if (done) return value;
  }
}

type Own = ReturnType<typeof aDiary>;

function pageOf(diary: Diary): ReplicaReport {
  const page = pages.get(diary)?.();
  if (!page) throw new Error('a diary of aDiary()');
  return page;
}

function pagesOf(
  own: Diary,
  others: readonly Diary[] = [],
  alive: string[] = ['b'],
): ReplicaReports {
  return { own: pageOf(own), others: others.map(pageOf), alive: new Set(alive) };
}

describe('the time axis', () => {
  test('has one column a minute over the last deadline, the last one for now', () => {
    const { diary } = aDiary();
    const columns = columnsOf(pagesOf(diary), null, START, DEADLINE_MS);
    expect(columns).toHaveLength(STEPS);
    expect(columns[0]?.at).toBe(START - 44 * MINUTE);
    expect(columns.at(-1)).toMatchObject({ at: START, renewed: 0, lost: 0 });
  });

  test('adds up what all replicas counted, each at its minute', () => {
    const [a, b] = [aDiary('a'), aDiary('b')];
    a.diary.attempted(aCall(), RENEWED);
    b.diary.attempted(aCall(), RENEWED);
    a.time.now += MINUTE;
    a.diary.attempted(aCall(), FAILED);
    a.diary.removed(aRemovedCall({ state: 'expired', lastError: FORBIDDEN }));
    const columns = columnsOf(pagesOf(a.diary, [b.diary]), null, a.time.now, DEADLINE_MS);
    expect(columns.at(-2)).toMatchObject({ at: START, renewed: 2, failed: 0, lost: 0 });
    expect(columns.at(-1)).toMatchObject({ renewed: 0, failed: 1, lost: 1 });
  });

  test('shows somebody the apps within their reach', () => {
    const { diary } = aDiary();
    diary.attempted(aCall({ app: 'recorder' }), RENEWED);
    const of = (app: string) =>
      columnsOf(pagesOf(diary), new Set([app]), START, DEADLINE_MS).at(-1)?.renewed;
    expect([of('recorder'), of('reception')]).toEqual([1, 0]);
  });

  test('forgets what is older than a deadline', () => {
    const { diary, time } = aDiary();
    diary.attempted(aCall(), RENEWED);
    time.now += 44 * MINUTE;
    expect(pageOf(diary).cells).toHaveLength(1);
    time.now += MINUTE;
    expect(pageOf(diary).cells).toEqual([]);
  });

  test.each([22, 23, 30, 500])('has all its minutes and their totals with %i apps', (apps) => {
    const { diary, time } = aDiary();
    for (let minute = 0; minute < STEPS; minute++) {
      if (minute > 0) time.now += MINUTE;
      for (let app = 0; app < apps; app++) diary.attempted(aCall({ app: `app-${app}` }), RENEWED);
    }
    const pages = pagesOf(diary);
    const columns = columnsOf(pages, null, time.now, DEADLINE_MS);
    expect(columns.map(({ renewed, sent }) => [renewed, sent])).toEqual(
      Array.from({ length: STEPS }, () => [apps, apps]),
    );
    const interval = WHEEL.intervalMs / MINUTE;
    expect(sentWithin(pages.own, time.now, WHEEL.intervalMs, DEADLINE_MS)).toBe(interval * apps);
    expect(pages.own.cells.length).toBeLessThanOrEqual(1_000);
    expect(pages.own.cells.some(({ app }) => app === OTHERS)).toBe(apps > 22);
  });

  test('keeps the apps with the most attempts apart, those of the minute that is not over too', () => {
    const { diary, time } = aDiary();
    for (let minute = 0; minute < 2; minute++) {
      time.now += MINUTE;
      for (let app = 0; app < 100; app++) diary.attempted(aCall({ app: `app-${app}` }), RENEWED);
      for (let i = 0; i < 2; i++) diary.attempted(aCall({ app: 'large' }), FAILED);
    }
    const ofLarge = columnsOf(pagesOf(diary), new Set(['large']), time.now, DEADLINE_MS);
    expect(ofLarge.slice(-2).map(({ failed }) => failed)).toEqual([2, 2]);
    const ofAll = columnsOf(pagesOf(diary), null, time.now, DEADLINE_MS);
    expect(ofAll.slice(-2).map(({ sent }) => sent)).toEqual([102, 102]);
  });

  test('keeps its totals when the clock is set back to a minute that was over', () => {
    const { diary, time } = aDiary();
    const attempts = () => {
      for (let app = 0; app < 30; app++) diary.attempted(aCall({ app: `app-${app}` }), RENEWED);
    };
    for (const change of [0, MINUTE, -MINUTE]) {
      time.now += change;
      attempts();
    }
    const columns = columnsOf(pagesOf(diary), null, START + MINUTE, DEADLINE_MS);
    expect(columns.slice(-2).map(({ renewed }) => renewed)).toEqual([60, 30]);
  });
});

test('a page is small, however many apps fail with however long messages', () => {
  const { diary } = aDiary();
  const message = 'é'.repeat(1_000);
  const error = anError({ status: 500, message, diagnostic: message });
  for (let i = 0; i < 500; i++) {
    const call = aCall({ id: `call-${i}`, app: `app-${i}` });
    diary.attempted(call, { ...FAILED, error });
    diary.removed(
      aRemovedCall({ id: `lost-${i}`, app: call.app, state: 'expired', lastError: error }),
    );
  }
  const page = pageOf(diary);
  expect([page.causes.length, page.incidents.length]).toEqual([100, 100]);
  expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(200_000);
  expect(page.causes[0]?.error).not.toHaveProperty('diagnostic');
});

test('a replica counts the requests that it sent within the last interval', () => {
  const { diary, time } = aDiary();
  const sent = () => sentWithin(pageOf(diary), time.now, WHEEL.intervalMs, DEADLINE_MS);
  diary.attempted(aCall(), RENEWED);
  diary.attempted(aCall(), NO_TOKEN);
  time.now += 14 * MINUTE;
  diary.attempted(aCall(), FAILED);
  expect(sent()).toBe(2);
  time.now += MINUTE;
  expect(sent()).toBe(1);
});

describe('why calls fail', () => {
  const three = ['call-1', 'call-2', 'call-3'].map((id) => aCall({ id: `${id}-x` }));

  test('groups the calls by what they fail with, and keeps when the first one began', () => {
    const { diary, time } = aDiary();
    const [one, two, three_] = three;
    if (!one || !two || !three_) throw new Error('three calls');
    diary.attempted(one, FAILED);
    time.now += MINUTE;
    diary.attempted(one, FAILED);
    diary.attempted(two, FAILED);
    diary.attempted(three_, { ...FAILED, error: FORBIDDEN });
    expect(causesIn(pagesOf(diary), null)).toMatchObject([
      { calls: 2, since: START, error: { status: 500 }, afterSuccess: { calls: 2, since: START } },
      { calls: 1, since: START + MINUTE, error: { status: 403 } },
    ]);
  });

  test('tells the calls that began to fail after the last success of their app', () => {
    const { diary, time } = aDiary();
    const [one, two, other] = three;
    if (!one || !two || !other) throw new Error('three calls');
    diary.attempted(one, FAILED);
    time.now += MINUTE;
    diary.attempted(other, { kind: 'renewed', sentAt: time.now });
    time.now += MINUTE;
    diary.attempted(two, FAILED);
    expect(causesIn(pagesOf(diary), null)).toMatchObject([
      { calls: 2, since: START, afterSuccess: { calls: 1, since: time.now } },
    ]);
    expect(successesIn(pagesOf(diary))).toEqual(new Map([['default', START + MINUTE]]));
  });

  test('knows of a call that another replica has tried before that it failed from its turn on', () => {
    const { diary } = aDiary();
    const renewedAt = START - 20 * MINUTE;
    const call = aCall({ renewedAt, failedAt: START - MINUTE, consecutiveFailures: 7 });
    diary.attempted(call, FAILED);
    const since = turnAfter(slotOf(call.id, WHEEL), renewedAt, WHEEL);
    expect(since).toBeLessThan(START - MINUTE);
    expect(causesIn(pagesOf(diary), null)).toMatchObject([{ calls: 1, since }]);
  });

  test.each([
    ['succeeds', (a: Own, call: Call) => a.diary.attempted(call, RENEWED)],
    [
      'ends',
      (a: Own, call: Call) => a.diary.attempted(call, { ...FAILED, kind: 'ended' as const }),
    ],
    ['is removed here', (a: Own, { id }: Call) => a.diary.removed(aRemovedCall({ id }))],
    ['is removed elsewhere', (a: Own, { id }: Call) => void a.removed.add(id)],
    ['is renewed elsewhere', (a: Own, { id }: Call) => void a.renewed.set(id, NOW + MINUTE)],
  ])('forgets a call that %s', (_, happens) => {
    const own = aDiary();
    const [call] = three;
    if (!call) throw new Error('a call');
    own.diary.attempted(call, FAILED);
    expect(causesIn(pagesOf(own.diary), null)).toHaveLength(1);
    happens(own, call);
    expect(causesIn(pagesOf(own.diary), null)).toEqual([]);
  });

  test('looks at a few hundred calls between two pauses', () => {
    const { diary } = aDiary();
    for (let i = 0; i < 10 * COUNT_STEP; i++) diary.attempted(aCall({ id: `call-${i}` }), FAILED);
    let looked = 0;
    const perPart: number[] = [];
    const count = diary.countCauses(() => {
      looked++;
      return { renewedAt: null };
    });
    for (let step = count.next(); ; step = count.next()) {
      perPart.push(looked);
      looked = 0;
      if (!step.done) continue;
      expect(step.value).toMatchObject([{ calls: 10 * COUNT_STEP }]);
      break;
    }
    expect(perPart).toEqual(Array.from({ length: 10 }, () => COUNT_STEP));
  });

  test('leaves out a call that recovers during a pause', () => {
    const { diary } = aDiary();
    const calls = Array.from({ length: 2 * COUNT_STEP }, (_, i) => aCall({ id: `call-${i}` }));
    for (const call of calls) diary.attempted(call, FAILED);
    const count = diary.countCauses(() => ({ renewedAt: null }));
    expect(count.next().done).toBe(false);
    const last = calls.at(-1);
    if (!last) throw new Error('calls');
    diary.attempted(last, RENEWED);
    expect(count.next()).toMatchObject({ done: true, value: [{ calls: 2 * COUNT_STEP - 1 }] });
  });

  test('adds up the replicas that are alive: another one has taken over the calls of the dead', () => {
    const [a, b, dead] = ['a', 'b', 'c'].map((name) => aDiary(name).diary);
    if (!a || !b || !dead) throw new Error('three diaries');
    for (const diary of [a, b, dead]) diary.attempted(aCall(), FAILED);
    expect(causesIn(pagesOf(a, [b, dead], ['a', 'b']), null)).toMatchObject([{ calls: 2 }]);
    expect(causesIn(pagesOf(a, [b], ['a', 'b']), new Set(['recorder']))).toEqual([]);
  });
});

describe('the last day', () => {
  const incidents = (pages: ReplicaReports, now: number) => incidentsOf(pages, null, now);

  test('has the lost calls of a quarter of an hour as one, by their reason', () => {
    const { diary, time } = aDiary();
    const lost = aRemovedCall({ state: 'expired', lastError: FORBIDDEN });
    diary.removed(lost);
    time.now += 14 * MINUTE;
    diary.removed(lost);
    diary.removed({ ...lost, lastError: anError({ status: 500, code: null }) });
    expect(incidents(pagesOf(diary), time.now)).toMatchObject([
      { kind: 'lost', from: time.now, calls: 1, error: { status: 500 } },
      { kind: 'lost', from: START, until: time.now, calls: 2, error: { status: 403 } },
    ]);
  });

  test('has a call that Graph ended because no keepAlive came in time', () => {
    const { diary } = aDiary();
    const stopped = { state: 'untracked', reason: 'notification' } as const;
    diary.removed(aRemovedCall({ ...stopped, resultInfo: TIMED_OUT }));
    diary.removed(aRemovedCall({ ...stopped, resultInfo: { ...TIMED_OUT, subcode: 0 } }));
    expect(incidents(pagesOf(diary), START)).toMatchObject([
      { kind: 'lost', calls: 1, error: null },
    ]);
  });

  test('has a call that ended without ever having been renewed, and no other that ended', () => {
    const { diary } = aDiary();
    diary.removed(aRemovedCall({ state: 'ended', renewedAt: null }));
    diary.removed(aRemovedCall({ state: 'ended', renewedAt: START }));
    expect(incidents(pagesOf(diary), START)).toMatchObject([{ kind: 'unknown', calls: 1 }]);
  });

  test('has an outage of Redis once, though two replicas saw it', () => {
    const [a, b] = [aDiary('a'), aDiary('b')];
    a.diary.redisLost('Redis is out of memory (OOM)');
    b.time.now += 10_000;
    b.diary.redisLost(null);
    a.time.now += MINUTE;
    a.diary.redisLost('again');
    expect(incidents(pagesOf(a.diary), a.time.now)).toMatchObject([{ kind: 'redis', until: null }]);
    a.diary.redisServes();
    b.time.now = a.time.now + 5_000;
    b.diary.redisServes();
    expect(incidents(pagesOf(a.diary, [b.diary]), b.time.now)).toEqual([
      { kind: 'redis', from: START, until: b.time.now, cause: 'Redis is out of memory (OOM)' },
    ]);
  });

  test('ends the outage of a replica that went away in it', () => {
    const [a, b] = [aDiary('a'), aDiary('b')];
    b.diary.redisLost(null);
    const found = incidents(pagesOf(a.diary, [b.diary], []), START + MINUTE);
    expect(found).toContainEqual({ kind: 'redis', from: START, until: START, cause: null });
  });

  test('has a replica that went away, but none that was stopped or is alive', () => {
    const [a, alive, stopped, dead] = ['a', 'b', 'c', 'd'].map((name) => aDiary(name).diary);
    if (!a || !alive || !stopped || !dead) throw new Error('four diaries');
    stopped.stopped();
    expect(incidents(pagesOf(a, [alive, stopped, dead], ['a', 'b']), START + MINUTE)).toEqual([
      { kind: 'replica', from: START, replica: 'd' },
    ]);
  });

  test('has a fault that kept calls failing, also after it is over', () => {
    const { diary, time } = aDiary();
    for (let i = 0; i < 3; i++) diary.attempted(aCall({ id: `call-${i}` }), FAILED);
    time.now += MINUTE;
    expect(incidents(pagesOf(diary), time.now)).toMatchObject([
      { kind: 'failing', from: START, until: null, calls: 3, error: { status: 500 } },
    ]);
    for (let i = 0; i < 3; i++) diary.attempted(aCall({ id: `call-${i}` }), RENEWED);
    const over = { kind: 'failing', from: START, until: time.now };
    expect(incidents(pagesOf(diary), time.now)).toMatchObject([over]);
    expect(incidentsOf(pagesOf(diary), new Set(['recorder']), time.now)).toEqual([]);
    time.now += 24 * HOUR;
    expect(incidents(pagesOf(diary), time.now)).toEqual([]);
  });

  test('has the fault of another replica as one that goes on while that replica is known to live', () => {
    const [own, other] = [aDiary('a'), aDiary('b')];
    for (let i = 0; i < 3; i++) other.diary.attempted(aCall({ id: `call-${i}` }), FAILED);
    other.time.now += MINUTE;
    const at = other.time.now;
    const untilOf = (alive: string[], isUp: boolean) =>
      incidentsOf(pagesOf(own.diary, [other.diary], alive), null, at, isUp)
        .filter(({ kind }) => kind === 'failing')
        .map((one) => 'until' in one && one.until);
    expect(untilOf(['a', 'b'], true)).toEqual([null]);
    expect(untilOf(['a'], true)).toEqual([at]);
    expect(untilOf(['a', 'b'], false)).toEqual([at]);
  });

  test.each([
    ['is announced at once', START - 50_000, false],
    ['waited for Redis to come back', START - 10 * MINUTE, false],
    ['happened just before Redis was known to be out', START - 13 * MINUTE, false],
    ['was announced before Redis went out and lost it', START - 14 * MINUTE, true],
    ['was announced after Redis came back, which then lost it', START - 3 * MINUTE, true],
  ])('does not have a loss twice: one that %s', (_, removedAt, isRepeat) => {
    const { diary, time } = aDiary();
    time.now = START - 12.5 * MINUTE;
    diary.redisLost(null);
    time.now = START - 4 * MINUTE;
    diary.redisServes();
    time.now = START;
    expect(diary.isRepeat(aRemovedCall({ state: 'expired', removedAt }))).toBe(isRepeat);
  });

  test('is a day long', () => {
    const { diary, time } = aDiary();
    diary.removed(aRemovedCall({ state: 'expired' }));
    time.now += 24 * HOUR - 1;
    expect(incidents(pagesOf(diary), time.now)).toHaveLength(1);
    time.now += 1;
    expect(incidents(pagesOf(diary), time.now)).toEqual([]);
  });

  test('shows somebody the losses of the apps within their reach', () => {
    const { diary } = aDiary();
    diary.removed(aRemovedCall({ state: 'expired', app: 'recorder' }));
    expect(incidentsOf(pagesOf(diary), new Set(['reception']), START)).toEqual([]);
    expect(incidentsOf(pagesOf(diary), new Set(['recorder']), START)).toHaveLength(1);
  });

  test('keeps a hundred incidents of a replica at most', () => {
    const { diary, time } = aDiary();
    for (let i = 0; i < 150; i++) {
      diary.removed(aRemovedCall({ state: 'expired', app: `app-${i}` }));
      time.now += 1;
    }
    expect(pageOf(diary).incidents).toHaveLength(100);
  });
});
