import type { Job } from 'bullmq';
import { expect, test } from 'vitest';
import { plannedAt, type VisitData } from '../../src/schedule/wheel-queue.ts';

const aJob = (id: string, data: VisitData, timestamp = 7) =>
  ({ id, data, timestamp }) as Job<VisitData>;

test.each([
  ['of a scheduler by its id', aJob('repeat:slot-3:1770091506789', { slot: 3 }), 1_770_091_506_789],
  ['made up by what it says', aJob('made-up-3-5', { slot: 3, turnAt: 5 }), 5],
  ['of unknown origin by when it was made', aJob('1234', { slot: 3 }), 7],
])('the instant a turn was planned for is known for a job %s', (_, job, expected) => {
  expect(plannedAt(job)).toBe(expected);
});
