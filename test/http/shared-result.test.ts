import { expect, test } from 'vitest';
import { shareResult } from '../../src/http/shared-result.ts';

function aShared(read: (run: number) => Promise<number>) {
  let now = 0;
  let runs = 0;
  const shared = shareResult(
    () => read(++runs),
    1_000,
    () => now,
  );
  return {
    shared,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test('a result is shared for the time it is fresh, and no longer', async () => {
  const { shared, pass } = aShared(async (run) => run);
  expect(await shared()).toBe(1);
  pass(999);
  expect(await shared()).toBe(1);
  pass(1);
  expect(await Promise.all([shared(), shared()])).toEqual([2, 2]);
});

test('a run that takes longer than its result stays fresh never runs twice at once', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { shared, pass } = aShared(async (run) => {
    await promise;
    return run;
  });
  const first = shared();
  pass(5_000);
  const second = shared();
  resolve();
  expect(await Promise.all([first, second])).toEqual([1, 1]);
  pass(999);
  expect(await shared()).toBe(1);
});

test('a failure is shared too, and then tried again', async () => {
  const { shared, pass } = aShared(async (run) => {
    if (run === 1) throw new Error('no');
    return run;
  });
  await expect(shared()).rejects.toThrow('no');
  await expect(shared()).rejects.toThrow('no');
  pass(1_000);
  expect(await shared()).toBe(2);
});
