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

test('of many calls the few nearest to their deadlines are kept, and all are counted', async () => {
  const list = new Shortlist(2);
  await list.read(all(aCall(5), aCall(3, 1), aCall(9, 2), aCall(1), aCall(7, 4)));
  expect(ids(list.nearest)).toEqual(['call-1', 'call-3']);
  expect([list.total, list.causes.calls]).toEqual([5, 3]);
});

test('a cause lasts since its first failure that was read, though its calls fail again', async () => {
  const list = new Shortlist(2);
  const at = (second: number) => `2026-02-03T04:05:0${second}.000Z`;
  const failed = (second: number, code: string) =>
    ({ ...aCall(1, 1), lastError: { status: 500, code, message: '', at: at(second) } }) as Call;
  await list.read(all(failed(1, 'busy')));
  await list.read(all(failed(3, 'busy'), failed(4, 'late')));
  await list.read(all(failed(5, 'busy'), failed(6, 'late')));
  expect(list.causes.all.map(({ since }) => since).sort()).toEqual([at(1), at(4)]);
  await list.read(all(aCall(1)));
  await list.read(all(failed(7, 'busy')));
  expect(list.causes.all).toMatchObject([{ since: at(7) }]);
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
  expect(ids(list.nearest)).toEqual(['call-3', 'call-4', 'call-5']);
  list.note(ofOwner);
  expect(ids(list.nearest)).toEqual(['call-3', 'call-4', 'call-5']);
  list.note(event({ ...aCall(4, 1), state: 'expired' }));
  list.note(event({ ...aCall(3), state: 'ended' }));
  expect(ids(list.nearest)).toEqual(['call-5']);
});
