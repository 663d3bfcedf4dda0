import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { LogObserver } from '../../src/log/log-observer.ts';
import { anError, aRemovedCall } from '../calls/fixture.ts';

function removed(over: Parameters<typeof aRemovedCall>[0]) {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
  new LogObserver(log).removed(aRemovedCall(over));
  return JSON.parse(lines[0] ?? '{}');
}

describe('the log line of a call that left the schedule', () => {
  const lastError = anError({ status: 404, code: '8522', message: 'Call not found.' });

  test.each(['ended', 'expired'] as const)('has the evidence if it has %s', (state) => {
    expect(removed({ state, lastError })).toMatchObject({
      event: state,
      call: 'call-0001',
      error: { status: 404, code: '8522', message: 'Call not found.', requestId: 'request-1' },
    });
  });

  test('has none if it was stopped, whatever failed before', () => {
    expect(removed({ state: 'untracked', lastError })).not.toHaveProperty('error');
  });
});
