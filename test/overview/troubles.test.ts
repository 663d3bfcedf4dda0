import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { FailureCause } from '../../src/overview/causes.ts';
import type { Incident } from '../../src/overview/incidents.ts';
import type { Known } from '../../src/overview/trouble.ts';
import { troublesOf } from '../../src/overview/troubles.ts';
import { anError, DEADLINE_MS, MINUTE, TENANT, WHEEL } from '../calls/fixture.ts';

const NOW = Date.UTC(2026, 10, 27, 14, 10);
const SINCE = Date.UTC(2026, 10, 27, 13, 55);
const FIRST_LOSS = Date.UTC(2026, 10, 27, 14, 36);
const OTHER_TENANT = '99999999-9999-4999-8999-999999999999';

function aCause(calls: number, over: Partial<FailureCause> = {}): FailureCause {
  const error = anError({ status: 500, code: 'InternalServerError', message: 'Oops.' });
  const named = { app: 'default', tenantId: TENANT, error, since: SINCE, firstLossAt: FIRST_LOSS };
  return { ...named, calls, afterSuccess: { calls, since: SINCE }, ...over };
}

/** 5,032 calls of one app, whose last success was just before `SINCE`. */
function known(causes: readonly FailureCause[], over: Partial<Known> = {}): Known {
  return {
    now: NOW,
    intervalMs: WHEEL.intervalMs,
    deadlineMs: DEADLINE_MS,
    tally: { tracked: 5_032, apps: new Map([['default', 5_032]]) },
    causes,
    successes: new Map([['default', SINCE - 1]]),
    redis: { up: true, cause: null, fix: null, since: null },
    unready: [],
    incidents: [],
    replicas: [{ replica: 'a', startedAt: null }],
    ...over,
  };
}

/** Two apps, of which `busy` has just had a success. */
function twoApps(causes: readonly FailureCause[]): Known {
  const apps = new Map([
    ['default', 32],
    ['busy', 5_000],
  ]);
  const successes = new Map([
    ['default', SINCE - 1],
    ['busy', NOW],
  ]);
  return known(causes, { tally: { tracked: 5_032, apps }, successes });
}

const sentences = (of: Known) => troublesOf(of).map(({ sentence }) => sentence);

test('nothing wrong is no trouble', () => {
  expect(troublesOf(known([]))).toEqual([]);
});

describe('calls that fail', () => {
  test('everything since an instant, with the first loss and what to do', () => {
    expect(troublesOf(known([aCause(1_251)]))).toEqual([
      {
        kind: 'graph',
        severity: 'critical',
        sentence:
          'Graph answers 500 InternalServerError to everything since 13:55 UTC (1,251 of 5,032 calls so far). ' +
          'The first call is lost at 14:36 UTC (in 26 min) unless it recovers.',
        since: SINCE,
        calls: 1_251,
        firstLossAt: FIRST_LOSS,
        todo: expect.stringMatching(
          /^Callkeeper retries by itself\. .*status\.cloud\.microsoft.* ticket/,
        ),
        runbook: 'CallkeeperGraphFailing',
      },
    ]);
  });

  test('everything of one app, while another app is well', () => {
    const [text] = sentences(twoApps([aCause(32)]));
    expect(text).toContain('to everything of the app default since 13:55 UTC (32 of 5,032 calls');
  });

  test('some of one tenant, which is named, and its app if there are others', () => {
    const error = anError({ status: 403, code: 'Forbidden', message: 'No.' });
    const cause = aCause(35, { app: 'busy', tenantId: OTHER_TENANT, error });
    const [trouble] = troublesOf(twoApps([cause]));
    expect(trouble?.sentence).toContain(
      `Graph answers 403 Forbidden to 35 of 5,032 calls since 13:55 UTC, all of the tenant ${OTHER_TENANT}, app busy.`,
    );
    expect(trouble).toMatchObject({ severity: 'warning', runbook: 'CallkeeperGraphRefusing' });
    expect(trouble?.todo).toContain('Grant the app');
  });

  test('the same fault in two tenants is one trouble', () => {
    const causes = [aCause(3), aCause(4, { tenantId: OTHER_TENANT })];
    const successes = new Map([['default', NOW]]);
    expect(sentences(known(causes, { successes }))).toEqual([
      'Graph answers 500 InternalServerError to 7 of 5,032 calls since 13:55 UTC, all of 2 tenants. ' +
        'The first call is lost at 14:36 UTC (in 26 min) unless it recovers.',
    ]);
  });

  test.each([
    [59_999, '(in 59 s)'],
    [12.9 * MINUTE, '(in 12 min)'],
  ])('a loss in %i ms is said to be %s', (left, text) => {
    const [said] = sentences(known([aCause(9, { firstLossAt: NOW + left })]));
    expect(said).toContain(`UTC ${text} unless it recovers.`);
  });

  test('a loss in over an hour has its time alone', () => {
    const [said] = sentences(known([aCause(9, { firstLossAt: NOW + 61 * MINUTE })]));
    expect(said).toContain('at 15:11 UTC unless it recovers.');
  });

  test('one failing call of many is not everything, though it failed last', () => {
    expect(sentences(known([aCause(1)]))[0]).toContain('to 1 of 5,032 calls since');
  });

  test('a fault with half of the failures is not everything', () => {
    const other = aCause(10, { error: anError({ status: null, code: 'timeout', message: '' }) });
    const found = sentences(known([aCause(10), other]));
    expect(found).toHaveLength(2);
    expect(found.join()).not.toContain('everything');
  });

  test.each([
    ['other calls have just succeeded', { after: NOW - 20_000, success: NOW - 14_000 }],
    ['the last ones of a slot have just failed', { after: NOW - 1_000, success: NOW - 1_001 }],
    ['too little time has passed', { after: NOW - 14_000, success: NOW - 14_001 }],
  ])('many calls of one tenant are not everything if %s', (_, { after, success }) => {
    const calls = aCause(139, { afterSuccess: { calls: 9, since: after } });
    const of = known([calls], { successes: new Map([['default', success]]) });
    expect(sentences(of)[0]).toContain('to 139 of 5,032 calls since 13:55 UTC, all of the tenant');
  });

  test('the only call that is tracked is everything', () => {
    const tally = { tracked: 1, apps: new Map([['default', 1]]) };
    const [text] = sentences(known([aCause(1)], { tally, successes: new Map() }));
    expect(text).toContain('to everything since 13:55 UTC (1 of 1 call so far)');
  });

  test('a call that began to fail before the last success does not move the start', () => {
    const afterSuccess = { calls: 3, since: SINCE + 1 };
    const cause = aCause(4, { since: SINCE - 40 * MINUTE, afterSuccess });
    expect(troublesOf(known([cause]))[0]?.since).toBe(SINCE + 1);
  });

  test('replicas may see the start at instants up to a minute apart, but no success after that', () => {
    const at = (ms: number) =>
      known([aCause(9)], { successes: new Map([['default', SINCE + ms]]) });
    expect(sentences(at(MINUTE))[0]).toContain('to everything');
    expect(sentences(at(MINUTE + 1))[0]).toContain('to 9 of 5,032 calls');
  });

  test('after the first deadline, calls are being lost', () => {
    const [trouble] = troublesOf(known([aCause(9, { firstLossAt: NOW })]));
    expect(trouble?.sentence).toMatch(/Calls are being lost now\.$/);
    expect(trouble?.firstLossAt).toBeNull();
  });

  test('yesterday has its date', () => {
    const since = SINCE - 24 * 60 * MINUTE;
    expect(sentences(known([aCause(1, { since })]))[0]).toContain('since 2026-11-26 13:55 UTC');
  });

  test.each([
    [
      { code: 'token', message: 'No token for app "default" from https://login: AADSTS7000222: x' },
      'Entra gives no token (AADSTS7000222) for everything',
      'token',
      /The secret has expired/,
    ],
    [
      {
        code: 'token',
        message: 'No token for app "default" from https://login: ENOENT: no such file',
      },
      'Callkeeper gets no token for everything',
      'token',
      /file of the credential/,
    ],
    [
      {
        code: 'token',
        message: 'No token for app "default" from https://login: connect ECONNREFUSED',
      },
      'Entra cannot be reached (ECONNREFUSED), so there is no token for everything since',
      'token',
      /AZURE_AUTHORITY_HOST/,
    ],
    [
      {
        status: 401,
        code: 'token',
        message: 'Expired. No token for app "default" from https://login: no answer in 10 s',
      },
      'Entra cannot be reached (no answer), so there is no token for everything since',
      'token',
      /AZURE_AUTHORITY_HOST/,
    ],
    [
      {
        code: 'token',
        message: 'No token for app "default" from its managed identity: connect ECONNREFUSED',
      },
      'Callkeeper gets no token for everything',
      'token',
      /reach it/,
    ],
    [
      { code: 'timeout', message: 'No answer' },
      'Graph gives no answer (timeout) to everything',
      'network',
      /firewall/,
    ],
    [
      { code: 'DEPTH_ZERO_SELF_SIGNED_CERT', message: 'No answer' },
      'Graph gives no answer (DEPTH_ZERO_SELF_SIGNED_CERT) to',
      'network',
      /NODE_EXTRA_CA_CERTS/,
    ],
    [
      { code: 'app', message: 'no app' },
      'No app of its name is configured for',
      'callkeeper',
      /APPS_FILE/,
    ],
    [
      { status: 502, code: 'foreign', message: 'x' },
      'Something other than Graph answers 502 to',
      'network',
      /HTTPS_PROXY/,
    ],
    [
      { status: 429, code: 'TooManyRequests', message: 'x' },
      'Graph throttles (429 TooManyRequests) everything',
      'graph',
      /send less/,
    ],
    [
      { status: 401, code: null, message: 'x' },
      'Graph answers 401 to everything',
      'graph',
      /GRAPH_CLOUD/,
    ],
  ])('%j is said in words', (over, start, kind, todo) => {
    const [trouble] = troublesOf(known([aCause(9, { error: anError({ status: null, ...over }) })]));
    expect(trouble?.sentence).toContain(start);
    expect(trouble?.kind).toBe(kind);
    expect(trouble?.todo).toMatch(todo);
  });
});

describe('Redis', () => {
  const redis = {
    up: false,
    cause: 'Redis rejects the user or the password (WRONGPASS)',
    fix: 'Put the user and the password of Redis into REDIS_URL.',
    since: SINCE,
  };

  test('that is out has its cause, and what to do', () => {
    expect(troublesOf(known([], { redis, unready: ['Redis is out'] }))).toMatchObject([
      {
        kind: 'redis',
        severity: 'critical',
        sentence:
          'Redis is out since 13:55 UTC: Redis rejects the user or the password (WRONGPASS). ' +
          'This replica keeps 5,032 calls alive from memory.',
        todo: redis.fix,
        runbook: 'CallkeeperRedisOut',
      },
    ]);
  });

  test('that is out for an unknown reason, since an unknown instant, is out', () => {
    const unknown = { up: false, cause: null, fix: null, since: null };
    expect(sentences(known([], { redis: unknown }))[0]).toMatch(/^Redis is out\. This replica/);
  });
});

describe('the last day', () => {
  const lost: Incident = {
    kind: 'lost',
    from: NOW - 5 * MINUTE,
    until: NOW - MINUTE,
    app: 'default',
    calls: 210,
    error: { status: 403, code: 'Forbidden', message: 'No.' },
  };

  test('has calls that were lost, also when nothing fails any more', () => {
    const more = { ...lost, from: NOW - 7 * MINUTE, calls: 2 };
    expect(troublesOf(known([], { incidents: [more, lost] }))).toMatchObject([
      {
        kind: 'lost',
        severity: 'critical',
        sentence:
          '212 calls were lost between 14:03 UTC and 14:09 UTC: no keepAlive succeeded in time (403 Forbidden).',
        calls: 212,
        todo: expect.stringMatching(
          /^The bots must join these calls again\. If that is not mended yet: Grant the app/,
        ),
      },
    ]);
  });

  test('says what to do for the calls that still fail for the reason of a loss', () => {
    const error = anError({ status: 403, code: 'Forbidden', message: 'No.' });
    const todoOf = (cause: FailureCause) =>
      troublesOf(known([cause], { incidents: [lost] })).find(({ kind }) => kind === 'lost')?.todo;
    expect(todoOf(aCause(9, { error }))).toContain('again. For the calls that are left: Grant');
    expect(todoOf(aCause(9))).toContain('again. If that is not mended yet: Grant');
  });

  test('mentions a loss the morning after, as one that is over', () => {
    const at = NOW - 12 * 60 * MINUTE;
    const one = { ...lost, from: at, until: at, calls: 1, error: null };
    expect(troublesOf(known([], { incidents: [one] }))).toMatchObject([
      {
        severity: 'notice',
        sentence: '1 call was lost at 02:10 UTC: no keepAlive succeeded in time.',
        todo: 'The bots must join this call again.',
      },
    ]);
  });

  test('has calls that Graph never knew, apart from those that were lost', () => {
    const unknown: Incident = { ...lost, kind: 'unknown', calls: 3, error: null };
    expect(troublesOf(known([], { incidents: [unknown, lost] }))).toMatchObject([
      { kind: 'lost' },
      {
        kind: 'unknown',
        severity: 'warning',
        sentence: expect.stringMatching(/^3 calls ended .* Graph does not know these ids\.$/),
      },
    ]);
  });

  test('has a replica that went away, until another one has begun', () => {
    const incidents: Incident[] = [{ kind: 'replica', from: SINCE, replica: 'b' }];
    expect(troublesOf(known([], { incidents }))).toMatchObject([
      {
        kind: 'replica',
        severity: 'warning',
        sentence:
          'The replica b went away at 13:55 UTC without being stopped. One is left, and does all the work.',
      },
    ]);
    const before = [{ replica: 'a', startedAt: SINCE - 2 * MINUTE }];
    expect(troublesOf(known([], { incidents, replicas: before }))).toHaveLength(1);
    const heir = [...before, { replica: 'c', startedAt: SINCE + 1 }];
    expect(troublesOf(known([], { incidents, replicas: heir }))).toEqual([]);
    const two: Incident[] = [...incidents, { kind: 'replica', from: SINCE - MINUTE, replica: 'd' }];
    expect(troublesOf(known([], { incidents: two, replicas: heir }))).toHaveLength(1);
  });
});

test('why the replica is not ready is said, unless Redis is why', () => {
  const unready = ['the worker does not run', 'it stops'];
  expect(sentences(known([], { unready }))).toEqual([
    'The replica that answers is not ready: the worker does not run; it stops.',
  ]);
});

test('several troubles come worst first', () => {
  const token = anError({ status: null, code: 'token', message: 'AADSTS7000222' });
  const soon = aCause(2, { app: 'busy', error: token, firstLossAt: NOW + MINUTE });
  const incidents: Incident[] = [
    { kind: 'replica', from: SINCE, replica: 'b' },
    {
      kind: 'lost',
      from: SINCE - 60 * MINUTE,
      until: SINCE - 50 * MINUTE,
      app: 'x',
      calls: 1,
      error: null,
    },
  ];
  const redis = { up: false, cause: null, fix: null, since: null };
  const all = { ...twoApps([aCause(32), soon]), incidents, redis };
  expect(troublesOf(all).map(({ kind }) => kind)).toEqual([
    'token',
    'graph',
    'redis',
    'replica',
    'lost',
  ]);
});

test('the runbook has a heading for each trouble', () => {
  const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
  const errors = [
    { status: null, code: 'token' },
    { status: null, code: 'timeout' },
    { status: 401, code: 'InvalidAuthenticationToken' },
    { status: 403, code: 'Forbidden' },
    { status: 429, code: null },
    { status: 500, code: null },
  ];
  const causes = errors.map((error) => aCause(1, { error: anError(error) }));
  const kinds = ['lost', 'unknown'] as const;
  const calls = { from: NOW, until: NOW, app: 'x', calls: 1, error: null };
  const incidents: Incident[] = [
    ...kinds.map((kind) => ({ ...calls, kind })),
    { kind: 'replica', from: NOW, replica: 'b' },
  ];
  const redis = { up: false, cause: null, fix: null, since: null };
  const found = [
    ...troublesOf(known(causes, { incidents, redis })),
    ...troublesOf(known([], { unready: ['x'] })),
  ];
  expect(found).toHaveLength(11);
  for (const trouble of found) expect(runbook).toContain(`### ${trouble.runbook}\n`);
});
