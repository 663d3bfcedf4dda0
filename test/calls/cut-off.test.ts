import { describe, expect, test } from 'vitest';
import { isDoneWithin } from '../../src/calls/cut-off.ts';

const never = () => Promise.withResolvers<void>().promise;

describe('work with a limit', () => {
  test('is done if it ends before the limit', async () => {
    expect(await isDoneWithin(Promise.resolve(), new AbortController().signal)).toBe(true);
  });

  test('is cut off when the limit aborts, even before it starts', async () => {
    const limit = new AbortController();
    const waiting = isDoneWithin(never(), limit.signal);
    limit.abort();
    expect(await waiting).toBe(false);
    expect(await isDoneWithin(never(), limit.signal)).toBe(false);
  });

  test('rejects if it fails in time, and ignores a later failure', async () => {
    const limit = new AbortController();
    await expect(isDoneWithin(Promise.reject(new Error('no')), limit.signal)).rejects.toThrow('no');
    const late = Promise.withResolvers<void>();
    const waiting = isDoneWithin(late.promise, limit.signal);
    limit.abort();
    expect(await waiting).toBe(false);
    late.reject(new Error('late'));
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail the test
  });
});
