import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GroupLimit } from '../../src/calls/group-limit.ts';

test('lets so many of a group go on, the next in its order, and no group wait for another', async () => {
  const limit = new GroupLimit(2);
  const begun: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const ask = (group: string, name: string) => {
    const gate = Promise.withResolvers<void>();
    gates.set(name, gate);
    limit.run(group, () => {
      begun.push(name);
      return gate.promise;
    });
  };
  for (const name of ['a1', 'a2', 'a3', 'a4']) ask('a', name);
  ask('b', 'b1');
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  let isSettled = false;
  const settled = limit.settled().then(() => {
    isSettled = true;
  });
  gates.get('a2')?.resolve();
  await turn();
  expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  for (const name of ['a1', 'b1', 'a3']) gates.get(name)?.resolve();
  await turn();
  expect(begun).toEqual(['a1', 'a2', 'b1', 'a3', 'a4']);
  expect(isSettled).toBe(false);
  gates.get('a4')?.resolve();
  await settled;
});

test('is settled at once where nothing is asked for, and tells of the first failure', async () => {
  await new GroupLimit(1).settled();
  const limit = new GroupLimit(1);
  limit.run('a', () => Promise.reject(new Error('the first')));
  let isRun = false;
  limit.run('a', async () => {
    isRun = true;
  });
  await turn();
  await expect(limit.settled()).rejects.toThrow('the first');
  expect(isRun).toBe(true);
});
