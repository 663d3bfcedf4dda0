import { describe, expect, test } from 'vitest';
import { readableLine } from '../../src/log/readable-line.ts';

const TIME = '2026-02-03T04:05:06.789Z';
const read = (fields: object) => readableLine(JSON.stringify({ time: TIME, ...fields }));

describe('a line of the log is readable', () => {
  test.each([
    [
      { level: 'info', msg: 'listening', url: 'http://a' },
      '04:05:06 info  listening url=http://a\n',
    ],
    [{ level: 'warn', msg: 'took long', lateMs: 90_000 }, '04:05:06 warn  took long late=90s\n'],
    [{ level: 'info', msg: 'apps a, b', apps: ['a', 'b'] }, '04:05:06 info  apps a, b\n'],
    [{ level: 'info', msg: 'a', event: 'b', none: null, list: [] }, '04:05:06 info  a\n'],
    [
      { level: 'warn', msg: 'm', example: { call: 'c', error: { status: 500 } }, why: 'two words' },
      '04:05:06 warn  m example (call=c error (status=500)) why="two words"\n',
    ],
  ])('%j', (fields, line) => {
    expect(read(fields)).toBe(line);
  });

  test('with the stack of an error below', () => {
    const err = { message: 'bad', stack: 'Error: bad\n    at a.ts:1' };
    expect(read({ level: 'error', msg: 'it failed', err })).toBe(
      '04:05:06 error it failed \n    Error: bad\n        at a.ts:1\n',
    );
  });

  test('and never moves the cursor or reverses the text', () => {
    const odd = '\u001b[2J\u202e\u009b';
    const line = read({ level: 'info', msg: odd, [odd]: odd, err: { stack: odd } });
    expect(line.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(readableLine(`no JSON ${odd}\n`)).toBe('no JSON \\u{1b}[2J\\u{202e}\\u{9b}\n');
  });
});
