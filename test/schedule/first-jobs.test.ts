import { Worker } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { MOST_NEW } from '../../src/calls/group-new.ts';
import { FirstJobs, type FirstJobsOptions } from '../../src/schedule/first-jobs.ts';
import { openQueue, QUEUE_NAME, type VisitData } from '../../src/schedule/wheel-queue.ts';
import { connectBlocking } from '../../src/store/connection.ts';
import { aCall, DEADLINE_MS, idsIn, MINUTE, NOW } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast, SOON, silent } from '../store/fixture.ts';
import { newPrefix } from './fixture.ts';

const server = redisForFile();
const ids = idsIn(3, 120);

/** The jobs as they stand in the queue, before anybody takes them. */
async function aQueue({
  isTraced = false,
  keyOf,
}: Partial<Pick<FirstJobsOptions, 'isTraced' | 'keyOf'>> = {}) {
  const prefix = newPrefix();
  const queue = openQueue(await fast(server), prefix);
  await queue.waitUntilReady();
  const clock = { now: () => NOW, sleep: async () => undefined };
  const options = { queue, deadlineMs: DEADLINE_MS, clock, isTraced };
  const first = new FirstJobs(keyOf ? { ...options, keyOf } : options);
  const groups = async () => {
    const jobs = await queue.getJobs(['wait', 'prioritized']);
    return jobs.map(({ data }) => ('ids' in data ? data.ids : []));
  };
  return { queue, prefix, first, groups };
}

const tracked = (id: string, agoMs = 0) => aCall({ id, trackedAt: NOW, startedAt: NOW - agoMs });

test('many calls are shared out in jobs of a size', async () => {
  const { first, groups } = await aQueue();
  await first.request(ids.map((id) => tracked(id)));
  const sizes = (await groups()).map(({ length }) => length);
  expect(sizes.toSorted((a, b) => a - b)).toEqual([20, MOST_NEW, MOST_NEW]);
  expect((await groups()).flat().toSorted()).toEqual(ids.toSorted());
});

test('what is asked for at the same time shares a job', async () => {
  const { first, groups } = await aQueue();
  await Promise.all(ids.slice(0, 30).map((id) => first.request([tracked(id)])));
  expect(await groups()).toHaveLength(1);
  await first.request([tracked(ids[30] ?? '')]);
  expect(await groups()).toHaveLength(2);
  expect((await groups()).flat().toSorted()).toEqual(ids.slice(0, 31).toSorted());
});

test('but not with a call of another tenant, or key, which may fail apart from it', async () => {
  const [one = '', two = '', three = ''] = ids;
  const { first, groups } = await aQueue();
  const other = { ...tracked(two), tenantId: '99999999-9999-4999-8999-999999999999' };
  await Promise.all([tracked(one), other, tracked(three)].map((call) => first.request([call])));
  expect((await groups()).toSorted()).toEqual([[one, three], [two]].toSorted());

  const keyed = await aQueue({ keyOf: ({ id }) => (id === one ? 1 : 2) });
  await keyed.first.request([one, two, three].map((id) => tracked(id)));
  expect((await keyed.groups()).toSorted()).toEqual([[one], [two, three]].toSorted());
});

test('a call that is asked for twice is in a job once', async () => {
  const { first, groups } = await aQueue();
  const [one = ''] = ids;
  await Promise.all([first.request([tracked(one)]), first.request([tracked(one)])]);
  expect(await groups()).toEqual([[one]]);
});

test('where traces are wanted each request has a job of its own, which bears its trace', async () => {
  const { first, groups } = await aQueue({ isTraced: true });
  await Promise.all(ids.slice(0, 3).map((id) => first.request([tracked(id)])));
  expect(await groups()).toHaveLength(3);
});

test('the turns of the wheel go first, then the calls nearest to their deadlines', async () => {
  const { queue, prefix, first } = await aQueue();
  const [relaxed = '', urgent = '', older = ''] = ids;
  await first.request([tracked(relaxed)]);
  await first.request([tracked(urgent, DEADLINE_MS - MINUTE)]);
  await first.request([tracked(older, DEADLINE_MS / 2)]);
  await queue.add('turn', { slot: 7 });
  const taken: VisitData[] = [];
  const connection = connectBlocking({ url: server.url, timeoutMs: 5_000, log: silent }, 10_000);
  const worker = new Worker<VisitData>(QUEUE_NAME, async ({ data }) => void taken.push(data), {
    connection,
    prefix,
  });
  onTestFinished(async () => {
    await worker.close();
    connection.disconnect();
  });
  await expect.poll(() => taken, SOON).toHaveLength(4);
  expect(taken).toEqual([{ slot: 7 }, { ids: [urgent] }, { ids: [older] }, { ids: [relaxed] }]);
});
