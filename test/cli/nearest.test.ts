import { expect, test } from 'vitest';
import { byDeadline } from '../../src/cli/causes.ts';
import { Nearest } from '../../src/cli/nearest.ts';
import { aCall, NOW } from './calls.ts';

test.each([1, 20, 3_000, Number.POSITIVE_INFINITY])(
  'keeps the %d nearest of many calls',
  (most) => {
    const nearest = new Nearest(most);
    const calls = Array.from({ length: 10_000 }, (_, i) => {
      const deadlineAt = new Date(NOW + ((i * 7_919) % 5_003)).toISOString();
      return aCall({ id: `call-${10_000 + i}`, deadlineAt });
    });
    for (const call of calls) nearest.add(call);
    expect(nearest.all).toEqual(calls.toSorted(byDeadline).slice(0, most));
  },
);
