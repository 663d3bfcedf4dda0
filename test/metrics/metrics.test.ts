import { describe, expect, test } from 'vitest';
import type { Call, RemovedState } from '../../src/calls/call.ts';
import { countFates } from '../../src/calls/notified.ts';
import { Census } from '../../src/store/census.ts';
import {
  aCall,
  aRegistry,
  aRemovedCall,
  DEADLINE_MS,
  ended,
  failed,
  idIn,
  MINUTE,
  NOW,
  refused,
  renewed,
  SECOND,
  WHEEL,
} from '../calls/fixture.ts';
import { someMetrics } from './fixture.ts';

const NAMES = [
  ['callkeeper_tracked_calls', 'gauge'],
  ['callkeeper_keepalives_total', 'counter'],
  ['callkeeper_keepalive_duration_seconds', 'histogram'],
  ['callkeeper_lateness_seconds', 'histogram'],
  ['callkeeper_deadline_margin_seconds', 'histogram'],
  ['callkeeper_min_margin_seconds', 'gauge'],
  ['callkeeper_calls_removed_total', 'counter'],
  ['callkeeper_calls_failing', 'gauge'],
  ['callkeeper_store_up', 'gauge'],
  ['callkeeper_token_requests_total', 'counter'],
  ['callkeeper_build_info', 'gauge'],
] as const;

describe('the metrics', () => {
  test.each(NAMES)('of the contract are there from the start: %s', async (name, type) => {
    const { metrics } = someMetrics();
    const text = await metrics.render();
    expect(text).toMatch(new RegExp(`^# HELP ${name} .{10,}$`, 'm'));
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    expect(text).toMatch(new RegExp(`^${name}(_bucket|_sum|_count)?(\\{.*\\})? `, 'm'));
  });

  test('have our prefix, or are the process’s own', async () => {
    const text = await someMetrics().metrics.render();
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '');
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.startsWith('callkeeper_')).length).toBeGreaterThanOrEqual(
      NAMES.length,
    );
    for (const name of names) expect(name).toMatch(/^(callkeeper|process|nodejs)_[a-z0-9_]+$/);
    expect(names).toContain('process_cpu_seconds_total');
  });

  test('begin at zero for each of their labels, so that the first event is seen', async () => {
    const { apps, read } = someMetrics();
    apps.set('sales', null);
    const values = await read();
    const failures = ['throttled', 'refused', 'unauthorized', 'not_found', 'foreign', 'failed'];
    for (const app of ['default', 'sales']) {
      const at = (name: string, label: string) =>
        values.get(`callkeeper_${name}_total{app="${app}",${label}}`);
      for (const outcome of ['renewed', 'ended', ...failures]) {
        expect(at('keepalives', `outcome="${outcome}"`)).toBe(0);
      }
      for (const reason of ['ended', 'expired', 'untracked', 'owner-lost']) {
        expect(at('calls_removed', `reason="${reason}"`)).toBe(0);
      }
      for (const outcome of ['success', 'failure']) {
        expect(at('token_requests', `outcome="${outcome}"`)).toBe(0);
      }
      expect(values.get(`callkeeper_graph_timeouts_total{app="${app}"}`)).toBe(0);
    }
  });

  test('have no more lines after thousands of calls, and none of them in a label', async () => {
    const { metrics, read } = someMetrics();
    const tell = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        const call: Call = aCall({
          id: `call-${10_000 + i}`,
          app: `app-${i}`,
          tenantId: `tenant-${i}`,
          labels: { [`label-${i}`]: `value-${i}` },
          webhookUrl: `https://bot.example/${i}`,
        });
        metrics.tracked();
        for (const outcome of [renewed(NOW), ended(NOW), failed(null), refused(NOW)])
          metrics.attempted(call, outcome);
        metrics.removed(
          aRemovedCall({
            ...call,
            state: (['ended', 'expired', 'untracked'] as const)[i % 3] as RemovedState,
          }),
        );
        metrics.requestDone('renewed', i, call.app);
        metrics.tokenRequested('failure', call.app);
        metrics.timedOut(aRemovedCall(call));
        metrics.schedulerRepaired('missing');
        metrics.unreadableValue();
        metrics.webhookAttempted('failed');
      }
    };
    const ours = async () =>
      [...(await read()).keys()].filter((key) => key.startsWith('callkeeper_'));
    tell(0, 10);
    const few = await ours();
    tell(10, 2_000);
    expect(await ours()).toEqual(few);
    expect(few.join()).not.toMatch(/call-1|app-|tenant-|label-|value-|https/);
    const labels = new Set(
      few.flatMap((key) => [...key.matchAll(/[{,](\w+)=/g)].map(([, label]) => label)),
    );
    expect([...labels].toSorted()).toEqual([
      'app',
      'fault',
      'file',
      'le',
      'outcome',
      'reason',
      'status',
      'version',
    ]);
  });
});

describe('the gauges', () => {
  test('are read from the local registry, at the time of asking', async () => {
    const { local, put } = aRegistry();
    const census = new Census(local, WHEEL.slots, DEADLINE_MS);
    const { clock, up, read } = someMetrics((now) => census.summaries(now));
    const trackedAt = NOW - 30 * MINUTE;
    put(aCall({ id: idIn(0), trackedAt, renewedAt: NOW - 10 * MINUTE }));
    put(aCall({ id: idIn(1), trackedAt, renewedAt: NOW - 20 * MINUTE, consecutiveFailures: 1 }));
    let values = await read();
    expect(values.get('callkeeper_tracked_calls{app="default"}')).toBe(2);
    expect(values.get('callkeeper_calls_failing{app="default"}')).toBe(1);
    expect(values.get('callkeeper_min_margin_seconds{app="default"}')).toBe(25 * 60);
    expect(values.get('callkeeper_store_up')).toBe(1);
    clock.set(NOW + 26 * MINUTE);
    up.value = false;
    values = await read();
    expect(values.get('callkeeper_min_margin_seconds{app="default"}')).toBe(-60);
    expect(values.get('callkeeper_store_up')).toBe(0);
    put(aRemovedCall({ id: idIn(0) }), aRemovedCall({ id: idIn(1) }));
    values = await read();
    expect(values.get('callkeeper_tracked_calls{app="default"}')).toBe(0);
    // Not zero, which would raise an alarm without a reason.
    expect(values.get('callkeeper_min_margin_seconds{app="default"}')).toBe(DEADLINE_MS / SECOND);
  });

  test('are read for each app; calls of apps that are not configured share one series', async () => {
    const { local, put } = aRegistry();
    const census = new Census(local, WHEEL.slots, DEADLINE_MS);
    const { apps, read } = someMetrics((now) => census.summaries(now));
    apps.set('sales', null);
    const trackedAt = NOW - 60 * MINUTE;
    put(aCall({ id: idIn(0), trackedAt, renewedAt: NOW - 10 * MINUTE }));
    const calls = [
      aCall({
        id: idIn(1),
        app: 'old',
        trackedAt,
        renewedAt: NOW - 40 * MINUTE,
        consecutiveFailures: 1,
      }),
      aCall({ id: idIn(2), app: 'older', trackedAt, renewedAt: NOW - 5 * MINUTE }),
    ];
    put(...calls);
    const of = (values: Map<string, number>, name: string) =>
      ['default', 'sales', ''].map((app) => values.get(`callkeeper_${name}{app="${app}"}`));
    let values = await read();
    expect(of(values, 'tracked_calls')).toEqual([1, 0, 2]);
    expect(of(values, 'calls_failing')).toEqual([0, 0, 1]);
    expect(of(values, 'calls_at_risk')).toEqual([0, 0, 1]);
    expect(of(values, 'min_margin_seconds')).toEqual([35 * 60, 45 * 60, 5 * 60]);
    for (const { id } of calls) put(aRemovedCall({ id }));
    apps.delete('sales');
    values = await read();
    expect(of(values, 'tracked_calls')).toEqual([1, undefined, undefined]);
  });

  test('say whether the wheel is turned here, and how fast', async () => {
    const { turning, read } = someMetrics();
    let values = await read();
    expect(values.get('callkeeper_wheel_turning')).toBe(1);
    expect(values.get('callkeeper_interval_seconds')).toBe(WHEEL.intervalMs / SECOND);
    expect(values.get('callkeeper_deadline_seconds')).toBe(DEADLINE_MS / SECOND);
    turning.value = false;
    values = await read();
    expect(values.get('callkeeper_wheel_turning')).toBe(0);
  });

  test('say for each file whether its last version is in use', async () => {
    const { metrics, read } = someMetrics();
    const states = async () => {
      const values = await read();
      return ['apps', 'access'].map((file) =>
        values.get(`callkeeper_reload_successful{file="${file}"}`),
      );
    };
    expect(await states()).toEqual([1, 1]);
    metrics.appsReloaded('failure');
    expect(await states()).toEqual([0, 1]);
    metrics.accessReloaded('failure');
    metrics.appsReloaded('success');
    expect(await states()).toEqual([1, 0]);
  });

  test('say which version this is', async () => {
    expect((await someMetrics().read()).get('callkeeper_build_info{version="1.2.3"}')).toBe(1);
  });
});

describe('what is observed', () => {
  test('notifications are counted by result, and timeouts apart', async () => {
    const { metrics, read } = someMetrics();
    metrics.notified(countFates(['tracked', 'tracked', 'stopped', 'other_tenant', 'ignored'], 8));
    metrics.timedOut(aRemovedCall({ app: 'default' }));
    const values = await read();
    const of = (outcome: string) =>
      values.get(`callkeeper_notifications_total{outcome="${outcome}"}`);
    expect([of('tracked'), of('stopped'), of('ignored')]).toEqual([2, 1, 4]);
    expect([of('updated'), of('other_tenant'), of('other_app')]).toEqual([0, 1, 0]);
    expect(values.get('callkeeper_graph_timeouts_total{app="default"}')).toBe(1);
  });

  test('lateness is from the due instant to the sending of the first attempt, of those that were due', async () => {
    const { metrics, read } = someMetrics();
    metrics.attempted(aCall({ trackedAt: NOW }), renewed(NOW + 3 * SECOND));
    metrics.attempted(aCall({ trackedAt: NOW }), failed(NOW + 5 * SECOND));
    metrics.attempted(aCall({ trackedAt: NOW }), failed(null)); // nothing was sent
    metrics.attempted(
      aCall({ trackedAt: NOW, consecutiveFailures: 1, retryAt: NOW }),
      renewed(NOW + 90 * SECOND),
    );
    metrics.attempted(aCall({ renewedAt: NOW }), renewed(NOW + 1)); // by hand, ahead of its turn
    const values = await read();
    expect(values.get('callkeeper_lateness_seconds_count')).toBe(2);
    expect(values.get('callkeeper_lateness_seconds_sum')).toBe(8);
  });

  test('the margin is what was left before the deadline at each success', async () => {
    const { metrics, clock, read } = someMetrics();
    clock.set(NOW + 20 * MINUTE);
    metrics.attempted(aCall({ renewedAt: NOW }), renewed(NOW + 20 * MINUTE - 50));
    metrics.attempted(aCall({ renewedAt: NOW }), failed(NOW + 20 * MINUTE));
    const values = await read();
    expect(values.get('callkeeper_deadline_margin_seconds_count')).toBe(1);
    expect(values.get('callkeeper_deadline_margin_seconds_sum')).toBe(25 * 60);
  });

  test('answers of the API are counted by the first digit of their status', async () => {
    const { metrics, read } = someMetrics();
    for (const status of [200, 204, 404, 503]) metrics.answered(status);
    const values = await read();
    const of = (status: string) => values.get(`callkeeper_http_requests_total{status="${status}"}`);
    expect([of('2xx'), of('4xx'), of('5xx')]).toEqual([2, 1, 1]);
  });

  test('dropped connections are counted by the limit that was reached, from 0 on', async () => {
    const { metrics, read } = someMetrics();
    metrics.connectionDropped('address');
    const values = await read();
    const of = (reason: string) =>
      values.get(`callkeeper_connections_dropped_total{reason="${reason}"}`);
    const counts = ['address', 'anonymous', 'full', 'pipelined'].map(of);
    expect(counts).toEqual([1, 0, 0, 0]);
  });

  test('requests, tokens and removals are counted by app and outcome', async () => {
    const { metrics, apps, read } = someMetrics();
    apps.set('sales', null);
    metrics.requestDone('unauthorized', 250, 'default');
    metrics.requestDone('renewed', 750, 'sales');
    metrics.tokenRequested('success', 'sales');
    metrics.tokenRequested('failure', '');
    metrics.removed(aRemovedCall({ app: 'sales', state: 'expired' }));
    const values = await read();
    const of = (name: string, labels: string) => values.get(`callkeeper_${name}{${labels}}`);
    expect(of('keepalives_total', 'app="default",outcome="unauthorized"')).toBe(1);
    expect(of('keepalives_total', 'app="sales",outcome="unauthorized"')).toBe(0);
    expect(of('keepalives_total', 'app="sales",outcome="renewed"')).toBe(1);
    expect(values.get('callkeeper_keepalive_duration_seconds_count')).toBe(2);
    expect(values.get('callkeeper_keepalive_duration_seconds_sum')).toBe(1);
    expect(of('token_requests_total', 'app="sales",outcome="success"')).toBe(1);
    expect(of('token_requests_total', 'app="",outcome="failure"')).toBe(1);
    expect(of('calls_removed_total', 'app="sales",reason="expired"')).toBe(1);
    expect(of('calls_removed_total', 'app="default",reason="expired"')).toBe(0);
  });

  test('a call that Graph never knew is counted apart from those that were hung up', async () => {
    const { metrics, sum } = someMetrics();
    metrics.removed(aRemovedCall({ app: 'default', state: 'ended', renewedAt: null }));
    metrics.removed(aRemovedCall({ app: 'default', state: 'ended', renewedAt: NOW }));
    metrics.removed(aRemovedCall({ app: 'default', state: 'expired', renewedAt: null }));
    metrics.removed(aRemovedCall({ app: 'default', state: 'untracked', renewedAt: null }));
    const counts = ['unknown', 'ended', 'expired', 'untracked'].map((reason) =>
      sum(`callkeeper_calls_removed_total{reason="${reason}"}`),
    );
    expect(await Promise.all(counts)).toEqual([1, 1, 1, 1]);
  });

  test('an app that is not configured has no label, or no longer has one', async () => {
    const { metrics, apps, read } = someMetrics();
    apps.set('sales', null);
    metrics.requestDone('renewed', 1, 'sales');
    await read();
    apps.delete('sales');
    metrics.requestDone('failed', 1, 'sales');
    metrics.removed(aRemovedCall({ app: 'sales', state: 'expired' }));
    const values = await read();
    expect([...values.keys()].filter((key) => key.includes('sales'))).toEqual([]);
    expect(values.get('callkeeper_keepalives_total{app="",outcome="failed"}')).toBe(1);
    expect(values.get('callkeeper_calls_removed_total{app="",reason="expired"}')).toBe(1);
    apps.set('sales', null);
    const again = await read();
    expect(again.get('callkeeper_keepalives_total{app="sales",outcome="renewed"}')).toBe(0);
  });
});
