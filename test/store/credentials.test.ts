import { describe, expect, test } from 'vitest';
import type { RedisCause } from '../../src/store/cause.ts';
import {
  type RedisCredentials,
  RotatingCredentials,
  withCredentials,
} from '../../src/store/credentials.ts';

const cause = (code: string): RedisCause => ({ code, what: code, fix: 'As always.' });
const NO_TOKEN = cause('NO_TOKEN');
const credentials = new RotatingCredentials({ username: 'u', password: 'p' }, 'Grant access.');
const without: RedisCredentials = Object.create(credentials, { fault: { value: NO_TOKEN } });

describe('the cause of an outage', () => {
  test.each([null, 'WRONGPASS', 'NOAUTH', 'ECONNRESET', 'EPIPE'])(
    'is the missing token, if Redis said %s',
    (code) => {
      expect(withCredentials(code === null ? null : cause(code), without)).toBe(NO_TOKEN);
    },
  );

  test.each(['ECONNREFUSED', 'OOM', 'READONLY', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'is not the missing token, if Redis said %s',
    (code) => expect(withCredentials(cause(code), without)).toEqual(cause(code)),
  );

  test('has its own fix, if the user lacks a permission: another password changes nothing', () => {
    expect(withCredentials(cause('NOPERM'), credentials)).toEqual(cause('NOPERM'));
  });

  test.each(['WRONGPASS', 'NOAUTH'])(
    'has the fix of the credentials, if Redis said %s to a valid one',
    (code) => {
      const told = { ...cause(code), fix: 'Grant access.' };
      expect(withCredentials(cause(code), credentials)).toEqual(told);
    },
  );

  test('is what it is without credentials that change', () => {
    expect(withCredentials(cause('WRONGPASS'), null)).toEqual(cause('WRONGPASS'));
    expect(withCredentials(null, credentials)).toBeNull();
  });
});

test('the same credential again is no change', () => {
  const rotating = new RotatingCredentials({ username: 'u', password: 'p' }, '');
  let changes = 0;
  const stop = rotating.onChange(() => changes++);
  rotating.use({ username: 'u', password: 'p' });
  expect(changes).toBe(0);
  rotating.use({ username: 'u', password: 'q' });
  expect(changes).toBe(1);
  stop();
  rotating.use({ username: 'u', password: 'r' });
  expect(changes).toBe(1);
  expect(rotating.current).toEqual({ username: 'u', password: 'r' });
});
