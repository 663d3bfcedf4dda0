import { expect, test } from 'vitest';
import { Shortlist } from '../../../src/cli/watch/shortlist.ts';
import type { Call, Event } from '../../../src/client/index.ts';

const aCall = (n: number, consecutiveFailures = 0) =>
  ({
    id: `call-${n}`,
    state: 'tracked',
    deadlineAt: new Date(n * 1_000).toISOString(),
    consecutiveFailures,
  }) as Call;
const event = (call: Call) => ({ call }) as Event;
const ofOwner = { type: 'owner.lapsed', owner: { owner: 'bot-7' } } as Event;
const ids = (calls: readonly Call[]) => calls.map(({ id }) => id);

async function* all(...calls: Call[]) {
  yield* calls;
}

test('of many calls the few nearest to their deadlines are kept, and the failing ones', async () => {
  const list = new Shortlist(2);
  await list.read(all(aCall(5), aCall(3, 1), aCall(9, 2), aCall(1), aCall(7, 4)));
  expect([ids(list.nearest), ids(list.failing)]).toEqual([
    ['call-1', 'call-3'],
    ['call-3', 'call-7'],
  ]);
});

test('a reading that breaks off changes nothing', async () => {
  const list = new Shortlist(2);
  await list.read(all(aCall(5)));
  async function* broken() {
    yield aCall(1);
    throw new Error('Redis is out');
  }
  await expect(list.read(broken())).rejects.toThrow('Redis is out');
  expect(ids(list.nearest)).toEqual(['call-5']);
});

test('what happens to a call counts until all are read again', async () => {
  const list = new Shortlist(3);
  await list.read(all(aCall(5), aCall(3)));
  list.note(event(aCall(4, 1)));
  expect([ids(list.nearest), ids(list.failing)]).toEqual([
    ['call-3', 'call-4', 'call-5'],
    ['call-4'],
  ]);
  list.note(ofOwner);
  expect(ids(list.failing)).toEqual(['call-4']);
  list.note(event({ ...aCall(4, 1), state: 'expired' }));
  list.note(event({ ...aCall(3), state: 'ended' }));
  expect([ids(list.nearest), ids(list.failing)]).toEqual([['call-5'], []]);
});
