import { expect, test } from 'vitest';
import { SLOTS } from '../../src/calls/wheel.ts';
import { CursorError, callCursor, parseCallCursor } from '../../src/http/cursors.ts';

test.each([
  { slot: 0, after: '' },
  { slot: SLOTS - 1, after: 'a'.repeat(128) },
])('the cursor of a position of calls leads back to it: %j', (position) => {
  expect(parseCallCursor(callCursor(position))).toEqual(position);
});

const cursorOf = (text: string) => Buffer.from(text).toString('base64url');

test.each([
  ['', ''],
  ['no base64', '***'],
  ['no position', cursorOf('hello')],
  ['a negative slot', cursorOf('-1:')],
  ['a slot that is no number', cursorOf('x:call-0001')],
  ['a slot that the wheel does not have', cursorOf(`${SLOTS}:call-0001`)],
  ['a number too long', cursorOf('1234567:call-0001')],
  ['an id that is none', cursorOf('1:../etc')],
  ['a line more', cursorOf('1:call-0001\n')],
  ['NUL', cursorOf('1:\0')],
  ['an id too long', cursorOf(`1:${'a'.repeat(129)}`)],
  ['a mebibyte', 'A'.repeat(1 << 20)],
])('a cursor of calls with %s is refused', (_, cursor) => {
  expect(() => parseCallCursor(cursor)).toThrow(CursorError);
});
