import { expect, test } from 'vitest';
import { readLogLine } from '../../src/demo/replica-log.ts';

const ID = '2e1a0b00-2db4-4022-9570-243709c565ab';
const line = (fields: object) => JSON.stringify({ level: 30, msg: 'said', ...fields });

test.each([
  [
    { event: 'tracked', call: ID, isNew: true },
    { kind: 'tracked', callId: ID, detail: null },
  ],
  [
    { event: 'tracked', call: ID, isNew: false },
    { kind: 'tracked', callId: ID, detail: 'again' },
  ],
  [
    { event: 'renewed', call: ID, level: 20 },
    { kind: 'renewed', callId: ID, detail: null },
  ],
  [
    { event: 'expired', call: ID, level: 50 },
    { kind: 'expired', callId: ID, detail: null },
  ],
  [
    { event: 'failed', call: ID, error: { status: 503, code: null, message: 'Busy.' } },
    { kind: 'failed', callId: ID, detail: '503 Busy.' },
  ],
  [
    { event: 'untracked', call: ID, reason: 'owner-lost' },
    { kind: 'untracked', callId: ID, detail: 'owner-lost' },
  ],
  [
    { event: 'owner-lapsed', owner: 'bot-1', level: 40, calls: 6, stopsAt: 1_700 },
    { kind: 'owner-lapsed', owner: 'bot-1', calls: 6, stopsAt: 1_700 },
  ],
  [
    { event: 'owner-lost', owner: 'bot-1', level: 50, calls: 6 },
    { kind: 'owner-lost', owner: 'bot-1', calls: 6, stopsAt: null },
  ],
  [
    { level: 40, msg: 'watch out' },
    { kind: 'said', text: 'watch out' },
  ],
  [
    { level: 60, msg: 'no way on', err: { message: 'EADDRINUSE' } },
    { kind: 'said', text: 'no way on: EADDRINUSE' },
  ],
  [
    { level: 60, msg: 'EADDRINUSE', err: { message: 'EADDRINUSE' } },
    { kind: 'said', text: 'EADDRINUSE' },
  ],
  [{ level: 30, msg: 'listening' }, null],
  [{ level: 30, event: 'something new', call: ID }, null],
])('reads %j', (fields, told) => {
  expect(readLogLine(line(fields))).toEqual(told);
});

test('passes on what is no line of the log', () => {
  const text = 'callkeeper: the environment is not usable:';
  expect(readLogLine(text)).toEqual({ kind: 'said', text });
});
