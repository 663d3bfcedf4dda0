import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Limit } from '../../src/calls/limit.ts';

test('lets so many go on, and the next one when one of them is done', async () => {
  const limit = new Limit(2);
  let begun = 0;
  const all = (async () => {
    for (let i = 0; i < 4; i++) {
      await limit.take();
      begun++;
    }
  })();
  await turn();
  expect(begun).toBe(2);
  limit.give();
  await turn();
  expect(begun).toBe(3);
  // One given while nobody waits is there for the next.
  limit.give();
  limit.give();
  await all;
  expect(begun).toBe(4);
  await limit.take();
  expect(begun).toBe(4);
});
