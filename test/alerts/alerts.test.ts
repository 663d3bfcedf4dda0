import { exec } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import {
  type Courses,
  counter,
  gauge,
  gone,
  histogram,
  once,
  replicas,
  restarts,
  TROUBLE,
} from './healthy.ts';
import { ALERTS, expectAlert, expectFiring, promtool } from './promtool.ts';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What each of the two replicas does that makes an alert fire. */
interface Case {
  readonly alert: string;
  readonly fires: readonly [Courses, Courses?];
  /** Others that fire with it. */
  readonly with?: readonly string[];
  /** What comes close and must not make it fire. */
  readonly near?: readonly [Courses, Courses?];
  /** What fires then. */
  readonly instead?: readonly string[];
}

const { groups } = parse(readFileSync(ALERTS, 'utf8')) as { groups: { rules: Rule[] }[] };
const alerts = groups.flatMap(({ rules }) => rules).filter((rule) => rule.alert !== undefined);

const requests = (outcome: string) =>
  `callkeeper_keepalives_total{app="default",outcome="${outcome}"}`;
const removed = (reason: string) =>
  `callkeeper_calls_removed_total{app="default",reason="${reason}"}`;
const delivered = (outcome: string) => `callkeeper_webhook_deliveries_total{outcome="${outcome}"}`;
const answered = (status: string) => `callkeeper_http_requests_total{status="${status}"}`;
const dropped = (reason: string) => `callkeeper_connections_dropped_total{reason="${reason}"}`;
const denied = (reason: string) => `callkeeper_requests_denied_total{reason="${reason}"}`;
const tokens = (outcome: string) =>
  `callkeeper_token_requests_total{app="default",outcome="${outcome}"}`;

const CASES: readonly Case[] = [
  {
    alert: 'CallkeeperCallExpired',
    fires: [{ [removed('expired')]: counter(0, 1) }],
    near: [{ [removed('ended')]: counter(1, 50), [removed('untracked')]: counter(1, 50) }],
  },
  {
    alert: 'CallkeeperGraphTimedOut',
    fires: [{ 'callkeeper_graph_timeouts_total{app="default"}': counter(0, 1) }],
  },
  {
    alert: 'CallkeeperCallsAtRisk',
    fires: [{}, { 'callkeeper_calls_at_risk{app="default"}': gauge(0, 1) }],
  },
  {
    // Of 300 calls each replica tells of all: the failing ones are 100, not 200 of 600.
    alert: 'CallkeeperMostCallsFailing',
    fires: [
      { 'callkeeper_calls_failing{app="default"}': gauge(0, 100) },
      { 'callkeeper_calls_failing{app="default"}': gauge(0, 100) },
    ],
    with: ['CallkeeperCallsFailing'],
    near: [
      {
        'callkeeper_calls_failing{app="default"}': gauge(0, 4),
        'callkeeper_tracked_calls{app="default"}': gauge(300, 4),
      },
    ],
    instead: ['CallkeeperCallsFailing'],
  },
  {
    alert: 'CallkeeperCallsUnknown',
    fires: [{ [removed('unknown')]: counter(0, 1) }],
    // One of a hundred is tracked just after its end.
    near: [{ [removed('unknown')]: counter(0, 1), [removed('ended')]: counter(100) }],
  },
  {
    alert: 'CallkeeperMarginFalling',
    fires: [{ 'callkeeper_min_margin_seconds{app="default"}': gauge(1_755, 1_450) }],
    // At 5 and 15 minutes such a margin is in order.
    near: [
      {
        'callkeeper_min_margin_seconds{app="default"}': gauge(590, 585),
        callkeeper_interval_seconds: gauge(300),
        callkeeper_deadline_seconds: gauge(900),
      },
    ],
  },
  {
    alert: 'CallkeeperCallsFailing',
    fires: [{ 'callkeeper_calls_failing{app="default"}': gauge(0, 1) }],
  },
  {
    alert: 'CallkeeperLate',
    fires: [histogram('callkeeper_lateness_seconds', 1, 200)],
    near: [histogram('callkeeper_lateness_seconds', 1, 25)],
  },
  {
    alert: 'CallkeeperGraphFailing',
    fires: [{ [requests('failed')]: counter(0, 4) }],
    near: [{ [requests('failed')]: counter(0, 1), [requests('ended')]: counter(1, 30) }],
  },
  {
    alert: 'CallkeeperGraphThrottling',
    fires: [{ [requests('throttled')]: counter(0, 2) }],
    near: [{ [requests('throttled')]: once(3) }],
  },
  {
    alert: 'CallkeeperGraphRefusing',
    fires: [{ [requests('refused')]: counter(0, 1) }],
    near: [{ [requests('unauthorized')]: counter(0, 1) }],
  },
  {
    alert: 'CallkeeperGraphSlow',
    fires: [
      histogram('callkeeper_keepalive_duration_seconds', 0.5, 9),
      histogram('callkeeper_keepalive_duration_seconds', 0.5, 9),
    ],
    near: [histogram('callkeeper_keepalive_duration_seconds', 0.5, 4)],
  },
  {
    alert: 'CallkeeperTokensFailing',
    fires: [{ [tokens('failure')]: counter(0, 1) }],
    near: [{ [tokens('failure')]: once(2) }],
  },
  {
    alert: 'CallkeeperRedisOut',
    fires: [{ callkeeper_store_up: gauge(1, 0) }, { callkeeper_store_up: gauge(1, 0) }],
  },
  {
    alert: 'CallkeeperRedisOutOfReach',
    fires: [{ callkeeper_store_up: gauge(1, 0) }],
    near: [{ callkeeper_store_up: gauge(1, 0) }, { callkeeper_store_up: gauge(1, 0) }],
    instead: ['CallkeeperRedisOut'],
  },
  {
    alert: 'CallkeeperRedisLostCalls',
    fires: [{ callkeeper_calls_written_back_total: counter(0, 1) }],
    // What was tracked while Redis was out is written into it: nothing was lost.
    near: [
      {
        callkeeper_calls_written_back_total: once(40),
        callkeeper_store_up: { values: upFrom(18) },
      },
    ],
  },
  {
    alert: 'CallkeeperRedisUnreadable',
    fires: [{ callkeeper_unreadable_values_total: counter(0, 1) }],
  },
  {
    alert: 'CallkeeperNoReplica',
    fires: [gone(), gone()],
    near: [{}, gone()],
    instead: ['CallkeeperOneReplica'],
  },
  {
    alert: 'CallkeeperOneReplica',
    fires: [{}, gone()],
  },
  {
    alert: 'CallkeeperReplicaDown',
    fires: [{}, { ...gone(), up: gauge(1, 0) }],
    with: ['CallkeeperOneReplica'],
  },
  {
    alert: 'CallkeeperRestarting',
    fires: [{ process_start_time_seconds: restarts(5) }],
    near: [{ process_start_time_seconds: restarts(25) }],
  },
  {
    alert: 'CallkeeperWheelStopped',
    fires: [{ callkeeper_wheel_turning: gauge(1, 0) }],
    // Without Redis nobody turns it.
    near: [{ callkeeper_wheel_turning: gauge(1, 0), callkeeper_store_up: gauge(1, 0) }],
    instead: ['CallkeeperRedisOutOfReach'],
  },
  {
    alert: 'CallkeeperTurnsMissed',
    fires: [{ callkeeper_missed_turns_total: counter(0, 2) }],
    near: [{ callkeeper_missed_turns_total: once(8) }],
  },
  {
    alert: 'CallkeeperWorkersDeaf',
    fires: [{ callkeeper_workers_replaced_total: counter(0, 1) }],
    near: [
      { callkeeper_workers_replaced_total: once(1) },
      { callkeeper_workers_replaced_total: once(1) },
    ],
  },
  {
    alert: 'CallkeeperEventLoopLagging',
    fires: [{ nodejs_eventloop_lag_p99_seconds: gauge(0.02, 0.8) }],
    near: [{ nodejs_eventloop_lag_p99_seconds: gauge(0.02, 0.3) }],
  },
  {
    alert: 'CallkeeperOwnerLapsed',
    fires: [{ callkeeper_owners_lapsed: gauge(0, 1) }],
    near: [{ callkeeper_owners: gauge(2, 0) }],
  },
  {
    alert: 'CallkeeperReloadFailed',
    fires: [{ 'callkeeper_reload_successful{file="apps"}': gauge(1, 0) }],
  },
  {
    alert: 'CallkeeperApiFailing',
    fires: [{ [answered('5xx')]: counter(0, 5) }],
    near: [{ [answered('5xx')]: counter(0, 1), [answered('4xx')]: counter(1, 30) }],
  },
  {
    alert: 'CallkeeperAccessDenied',
    fires: [
      { [denied('unauthorized')]: counter(0, 2) },
      { [denied('unauthorized')]: counter(0, 2) },
    ],
    near: [{ [denied('unauthorized')]: once(15) }, { [denied('rate-limited')]: once(15) }],
  },
  {
    alert: 'CallkeeperConnectionsDropped',
    fires: [{ [dropped('address')]: counter(0, 8) }, { [dropped('address')]: counter(0, 8) }],
    near: [{ [dropped('address')]: once(90) }, { [dropped('full')]: once(90) }],
  },
  {
    alert: 'CallkeeperWebhooksFailing',
    fires: [{ [delivered('failed')]: counter(0, 9) }],
    near: [{ [delivered('failed')]: counter(0, 1) }],
  },
  {
    alert: 'CallkeeperEventUndelivered',
    fires: [{ [delivered('given_up')]: counter(0, 1) }],
    near: [{ [delivered('failed')]: counter(0, 1) }],
  },
];

describe('the rules for Prometheus', () => {
  test('are well-formed', async () => {
    expect(await promtool('check', 'rules', ALERTS)).toContain('SUCCESS');
  });

  test('each have a case below', () => {
    expect(CASES.map(({ alert }) => alert).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  test.each(alerts)('give $alert a severity, a summary and a link to the runbook', (rule) => {
    expect(rule.labels.severity).toMatch(/^(critical|warning)$/);
    expect(rule.annotations.summary).toMatch(/.{10}/);
    expect(rule.annotations.description).toMatch(/\.$/);
    expect(rule.annotations.runbook_url).toBe(`${runbook()}#${rule.alert?.toLowerCase()}`);
    expect(URL.canParse(rule.annotations.runbook_url ?? '')).toBe(true);
  });

  test('let nothing fire while all is well', async () => {
    const minutes = [5, 30, 60, 120].map((minute) => ({ minute, alerts: [] }));
    await expectFiring(replicas({}), minutes);
  });

  test.each(CASES)('$alert fires while its cause lasts, and not after', async (one) => {
    await expectFiring(replicas(...one.fires), [
      { minute: TROUBLE.first - 1, alerts: [] },
      { minute: TROUBLE.last, alerts: [one.alert, ...(one.with ?? [])].sort() },
      { minute: 149, alerts: [] },
    ]);
  });

  const close = CASES.filter(({ near }) => near !== undefined);
  test.each(close)(
    '$alert does not fire just below its threshold',
    async ({ near, instead = [] }) => {
      const minutes = instead.length > 0 ? [TROUBLE.last] : [TROUBLE.first + 5, TROUBLE.last];
      await expectFiring(
        replicas(...(near ?? [{}])),
        minutes.map((minute) => ({ minute, alerts: instead })),
      );
    },
  );

  test('see one installation in trouble while another one is well, whatever its job is called', async () => {
    const redisOut = { callkeeper_store_up: gauge(1, 0) };
    const series = new Map([
      ...replicas({}, {}, 'monitoring/prod'),
      ...replicas(redisOut, redisOut, 'monitoring/test'),
      ...replicas(gone(), gone(), 'monitoring/old'),
      ...replicas({}, { up: gauge(1, 0) }, 'monitoring/new'),
    ]);
    const alerts = [
      'alertname="CallkeeperNoReplica", job="monitoring/old"',
      'alertname="CallkeeperRedisOut", job="monitoring/test"',
      'alertname="CallkeeperReplicaDown", job="monitoring/new"',
    ];
    const by = 'alertname, job';
    await expectFiring(series, [{ minute: TROUBLE.last, alerts }], by);
  });

  test('name the app that is in trouble, and only that one', async () => {
    const sales = {
      'callkeeper_tracked_calls{app="sales"}': gauge(20),
      'callkeeper_calls_failing{app="sales"}': gauge(0, 20),
      'callkeeper_min_margin_seconds{app="sales"}': gauge(1_755),
      'callkeeper_token_requests_total{app="sales",outcome="failure"}': counter(0, 1),
    };
    const of = (alert: string) => `alertname="${alert}", app="sales"`;
    const alerts = ['CallsFailing', 'MostCallsFailing', 'TokensFailing'];
    await expectFiring(
      replicas(sales, sales),
      [{ minute: TROUBLE.last, alerts: alerts.map((name) => of(`Callkeeper${name}`)) }],
      'alertname, app',
    );
  });

  test('see an outage of many apps that have few calls each', async () => {
    const apps = ['a', 'b', 'c'].flatMap((app) => [
      [`callkeeper_tracked_calls{app="${app}"}`, gauge(4)],
      [`callkeeper_calls_failing{app="${app}"}`, gauge(0, 4)],
    ]);
    const courses = {
      ...Object.fromEntries(apps),
      'callkeeper_tracked_calls{app="default"}': gauge(0),
    };
    const alerts = [
      ...['a', 'b', 'c'].map((app) => `alertname="CallkeeperCallsFailing", app="${app}"`),
      'alertname="CallkeeperMostCallsFailing"',
    ];
    await expectFiring(
      replicas(courses, courses),
      [{ minute: TROUBLE.last, alerts }],
      'alertname, app',
    );
  });

  test.each([
    [2_700, '15m 0s'],
    [900, '5m 0s'],
    [12, '4s'],
  ])('say how long calls at risk have at a deadline of %i s', async (deadline, left) => {
    const courses = {
      'callkeeper_calls_at_risk{app="default"}': gauge(0, 1),
      callkeeper_deadline_seconds: gauge(deadline),
    };
    await expectAlert(replicas(courses, courses), {
      name: 'CallkeeperCallsAtRisk',
      minute: TROUBLE.last,
      labels: { job: 'callkeeper', app: 'default', severity: 'critical' },
      annotations: {
        summary: '1 calls of app default have under a third of their deadline left',
        description: `They are lost within ${left} unless a keepAlive succeeds. GET /calls shows why it does not.`,
        runbook_url: `${runbook()}#callkeepercallsatrisk`,
      },
    });
  });

  test('lead to another place by the command in their header', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'callkeeper-alerts-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'alerts.yml');
    copyFileSync(ALERTS, file);
    const [, command = ''] = /^#\s+(sed -i .+)$/m.exec(readFileSync(ALERTS, 'utf8')) ?? [];
    await promisify(exec)(command, { cwd: directory });
    expect(await promtool('check', 'rules', file)).toContain('SUCCESS');
    const urls = readFileSync(file, 'utf8').match(/runbook_url: .+/g) ?? [];
    expect(urls).toHaveLength(alerts.length);
    for (const url of urls) expect(url).toContain('https://wiki.corp.example/callkeeper-runbook#');
  });

  const patient = CASES.filter(({ alert }) =>
    alerts.some((rule) => rule.alert === alert && rule.for),
  );
  test.each(patient)('$alert does not fire for a fault that has just begun', async ({ fires }) => {
    await expectFiring(replicas(...fires), [{ minute: TROUBLE.first, alerts: [] }]);
  });
});

/** The repository's, once package.json names one; until then an example, which users replace. */
function runbook(): string {
  const { repository } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  const place = (repository?.url ?? repository)?.replace(/^git\+|\.git$/g, '');
  return place === undefined
    ? 'https://runbooks.example/callkeeper.md'
    : `${place}/blob/main/docs/runbook.md`;
}

/** Whether Redis is up: out for ten minutes before. */
function upFrom(minute: number): number[] {
  return Array.from({ length: 150 }, (_, at) => Number(at >= minute || at < minute - 10));
}
