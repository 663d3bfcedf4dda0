import { pino } from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import { TokenLog } from '../../src/log/token-log.ts';

type Line = Record<string, unknown> & { msg: string };

let lines: Line[] = [];
let log: TokenLog;
beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  log = new TokenLog(pino({}, { write: (line) => void lines.push(JSON.parse(line)) }));
  return () => vi.useRealTimers();
});

function fail(app: string, tenantId: string | null, reason: string): void {
  log.failed({ app, tenantId, reason, isHeld: true });
}

test('token requests that fail have one line per app, cause and minute, and one when it is over', () => {
  for (let i = 0; i < 300; i++) {
    fail('bot', `tenant-${i % 3}`, `AADSTS7000222: expired. Trace ID: ${i}`);
    fail('other', 'tenant-1', 'connect ECONNREFUSED');
  }
  vi.advanceTimersByTime(120_000);
  const expired = 'no token: AADSTS7000222: expired. Trace ID:';
  const failures = 'further failures are counted each minute';
  expect(lines.map(({ app, msg }) => [app, msg])).toEqual([
    ['bot', `${expired} 0; ${failures}`],
    ['other', `no token: connect ECONNREFUSED; ${failures}`],
    ['bot', `${expired} 299; 299 requests for 3 tenants in a minute`],
    ['other', 'no token: connect ECONNREFUSED; 299 requests for 1 tenant in a minute'],
    [
      'bot',
      'no token request failed like this for a minute, after 300 failures: AADSTS7000222: expired. Trace ID: 299',
    ],
    [
      'other',
      'no token request failed like this for a minute, after 300 failures: connect ECONNREFUSED',
    ],
  ]);
  expect(lines[2]).toMatchObject({
    event: 'no-token-more',
    requests: 299,
    tenants: 3,
    example: { tenantId: 'tenant-2', held: true },
  });
});

test('apps beyond the 50th share a line that names no single app as failing', () => {
  for (let i = 0; i < 53; i++) fail(`app-${i}`, null, 'connect ECONNREFUSED');
  vi.advanceTimersByTime(60_000);
  expect(lines).toHaveLength(52);
  expect(lines.at(-1)).not.toHaveProperty('app');
  expect(lines.at(-1)).toMatchObject({ requests: 2, example: { app: 'app-52' } });
  expect(lines.at(-1)?.msg).toContain('too many reasons for a line each');
});

test('what is counted is written when the replica stops', () => {
  for (let i = 0; i < 3; i++) fail('bot', 'tenant-1', 'connect ECONNREFUSED');
  log.flush();
  expect(lines.at(-1)).toMatchObject({ event: 'no-token-more', requests: 2 });
});
