import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { LogObserver, tellAll } from '../../src/log/log-observer.ts';

test.each([
  [
    'other_tenant',
    'ignored a notification of a tracked call: it names another tenant than the call’s',
  ],
  [
    'other_app',
    'ignored a notification of a tracked call: it was sent for another app than the call’s',
  ],
] as const)('a notification that is ignored (%s) is a warning that names the call', (fate, msg) => {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const observer = tellAll([new LogObserver(pino(stream))]);
  observer.misdirected({ kind: 'established', id: 'call-0001', tenantId: 'tenant-1' }, fate);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 40,
      event: 'notification-ignored',
      call: 'call-0001',
      notification: 'established',
      reason: fate,
      tenantId: 'tenant-1',
      msg: msg.replace('’', "'"),
    },
  ]);
});
