import { pino } from 'pino';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FailureLog } from '../../src/log/failure-log.ts';
import { aCall, anError } from '../calls/fixture.ts';

const BAD = { status: 500, code: 'InternalServerError', message: 'Oops.' };
type Line = Record<string, unknown> & { msg: string; event: string };

let lines: Line[] = [];
function aLog(level: string): FailureLog {
  const formatters = { level: (name: string) => ({ level: name }) };
  return new FailureLog(
    pino({ level, formatters }, { write: (line) => void lines.push(JSON.parse(line)) }),
  );
}
beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  return () => vi.useRealTimers();
});

function fail(log: FailureLog, id: string, over: Partial<typeof BAD>, app = 'default'): void {
  const error = anError({ ...BAD, ...over });
  log.failed(aCall({ id, app }), { kind: 'failed', sentAt: 1, error });
}

describe('in an outage', () => {
  test('a minute has one line for each cause, with counts and an example', () => {
    const log = aLog('info');
    for (let i = 0; i < 5_000; i++) fail(log, `call-${i}`, {});
    fail(log, 'call-b', {}, 'other-app');
    fail(log, 'call-c', { status: 503, code: 'Busy' });
    vi.advanceTimersByTime(60_000);
    expect(lines.map(({ msg }) => msg)).toEqual([
      'a keepAlive failed: 500 InternalServerError: Oops.; further ones are counted each minute',
      'a keepAlive failed: 500 InternalServerError: Oops.; further ones are counted each minute',
      'a keepAlive failed: 503 Busy: Oops.; further ones are counted each minute',
      'keepAlives fail: 500 InternalServerError: Oops.; 4,999 attempts for 4,999 calls in a minute',
    ]);
    expect(lines.at(-1)).toMatchObject({
      level: 'warn',
      event: 'failing-more',
      app: 'default',
      attempts: 4_999,
      calls: 4_999,
      example: { call: 'call-4999', error: { ...BAD, requestId: 'request-1' } },
    });
    vi.advanceTimersByTime(60_000);
    expect(lines.at(-1)).toMatchObject({ level: 'info', event: 'failing-over', attempts: 5_000 });
  });

  test('single attempts are in the log at debug', () => {
    const log = aLog('debug');
    for (let i = 0; i < 20; i++) fail(log, `call-${i}`, {});
    const single = lines.filter(({ event }) => event === 'failed');
    expect(single.map(({ call }) => call)).toEqual(
      Array.from({ length: 20 }, (_, i) => `call-${i}`),
    );
    expect(single[3]).toMatchObject({ level: 'debug', failures: 1, error: BAD });
  });

  test('calls that Graph does not know have a line, and a count each minute, for each app', () => {
    const log = aLog('info');
    const lastError = anError({ status: 404, code: '8522' });
    for (let i = 0; i < 200; i++) log.unknown(aCall({ id: `call-${i}`, lastError }));
    log.unknown(aCall({ id: 'call-b', app: 'other-app', lastError }));
    vi.advanceTimersByTime(120_000);
    const asked = 'wrong id, tenant or cloud?';
    const one = `Graph does not know this id: ${asked} the call ended without ever having been renewed`;
    expect(lines.map(({ msg }) => msg)).toEqual([
      one,
      one,
      `Graph does not know the ids of 199 calls: ${asked} within a minute they ended without ever having been renewed`,
    ]);
    expect(lines.map(({ app }) => app)).toEqual(['default', 'other-app', 'default']);
    expect(lines[0]).toMatchObject({
      level: 'warn',
      event: 'unknown-first',
      calls: 1,
      example: { call: 'call-0', error: { code: '8522' } },
    });
  });

  test('a cause that is over says nothing about the others', () => {
    const log = aLog('info');
    for (let i = 0; i < 2; i++) fail(log, 'call-a', {});
    vi.advanceTimersByTime(61_000);
    fail(log, 'call-b', { status: 503, code: 'Busy' });
    vi.advanceTimersByTime(60_000);
    expect(lines.at(-1)?.msg).toBe(
      'no more keepAlives failed like this for a minute, after 2 failures: 500 InternalServerError: Oops.',
    );
  });

  test('causes beyond the 50th share a line that names no app or cause for all of them', () => {
    const log = aLog('info');
    for (let i = 0; i < 54; i++) fail(log, `call-${i}`, {}, `app-${i}`);
    vi.advanceTimersByTime(60_000);
    const [own, shared, more] = lines.slice(49);
    expect(own).toMatchObject({ app: 'app-49', example: { call: 'call-49' } });
    for (const [line, latest] of [
      [shared, 50],
      [more, 53],
    ] as const) {
      expect(line).not.toHaveProperty('app');
      expect(line).toMatchObject({ example: { app: `app-${latest}`, call: `call-${latest}` } });
    }
    expect(more?.msg).toBe(
      'keepAlives fail: too many reasons for a line each, the latest: 500 InternalServerError: Oops.; ' +
        '3 attempts for 3 calls in a minute',
    );
  });

  test('calls at risk are counted too', () => {
    const log = aLog('info');
    for (let i = 0; i < 3_000; i++) log.atRisk(aCall({ id: `call-${i}`, lastError: anError(BAD) }));
    vi.advanceTimersByTime(300_000);
    expect(lines.map(({ level, event, calls }) => [level, event, calls])).toEqual([
      ['error', 'at-risk-first', 1],
      ['error', 'at-risk-more', 2_999],
    ]);
    expect(lines[1]?.msg).toMatch(/^2,999 calls are at risk, .*: 500 InternalServerError: Oops\.$/);
  });
});

test.each([
  [{ status: null, code: 'timeout', message: 'no answer in 10 s' }, 'timeout: no answer in 10 s;'],
  [{ status: null, code: null, message: 'broken' }, 'failed: broken;'],
  [{ status: 403, code: null, message: 'no' }, '403: no;'],
  [{ message: 'x'.repeat(5_000) }, `${'x'.repeat(200)}…;`],
])('the first failure says why: %j', (over, expected) => {
  fail(aLog('info'), 'call-0001', over as Partial<typeof BAD>);
  expect(lines[0]?.msg).toContain(expected);
});

test('the counts are written when the replica stops', () => {
  const log = aLog('info');
  for (let i = 0; i < 3; i++) fail(log, 'call-0001', {});
  log.flush();
  expect(lines.at(-1)?.msg).toContain('2 attempts for 1 call in a minute');
});
