import { expect, test } from 'vitest';
import { readLogLine } from '../../src/demo/replica-log.ts';

const ID = '2e1a0b00-2db4-4022-9570-243709c565ab';
const line = (fields: object) => JSON.stringify({ level: 'info', msg: 'said', ...fields });

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
    { event: 'renewed', call: ID, level: 'debug' },
    { kind: 'renewed', callId: ID, detail: null },
  ],
  [
    { event: 'expired', call: ID, level: 'error' },
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
    {
      event: 'owner-lapsed',
      owner: 'bot-1',
      level: 'warn',
      calls: 6,
      stopsAt: '2026-02-03T04:05:06.789Z',
    },
    {
      kind: 'owner-lapsed',
      owner: 'bot-1',
      calls: 6,
      stopsAt: Date.parse('2026-02-03T04:05:06.789Z'),
    },
  ],
  [
    { event: 'owner-lost', owner: 'bot-1', level: 'error', calls: 6 },
    { kind: 'owner-lost', owner: 'bot-1', calls: 6, stopsAt: null },
  ],
  [
    { level: 'warn', msg: 'watch out' },
    { kind: 'said', text: 'watch out' },
  ],
  [
    { level: 'fatal', msg: 'no way on', err: { message: 'EADDRINUSE' } },
    { kind: 'said', text: 'no way on: EADDRINUSE' },
  ],
  [
    { level: 'fatal', msg: 'EADDRINUSE', err: { message: 'EADDRINUSE' } },
    { kind: 'said', text: 'EADDRINUSE' },
  ],
  [{ level: 'info', msg: 'listening' }, null],
  [{ level: 'warn', msg: 'keepAlives fail', event: 'failing-more' }, null],
  [{ level: 'error', msg: 'a call is at risk', event: 'at-risk-first' }, null],
  [{ level: 'info', event: 'something new', call: ID }, null],
])('reads %j', (fields, told) => {
  expect(readLogLine(line(fields))).toEqual(told);
});

test('passes on text that is not a line of the log', () => {
  const text = 'callkeeper: the environment is not usable:';
  expect(readLogLine(text)).toEqual({ kind: 'said', text });
});
