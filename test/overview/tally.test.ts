import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { deadlineAt } from '../../src/calls/deadline.ts';
import { slotOf } from '../../src/calls/wheel.ts';
import { Digester, MOST_NEAREST } from '../../src/overview/digest.ts';
import { MARGIN_STEPS, tally } from '../../src/overview/tally.ts';
import { aCall, DEADLINE_MS, MINUTE, NOW, WHEEL } from '../calls/fixture.ts';

/** As the census does it: slot by slot. */
function digestsOf(calls: readonly Call[]) {
  const digesters = Array.from({ length: WHEEL.slots }, () => new Digester());
  for (const call of calls) {
    const { id, app } = call;
    const isFailing = call.consecutiveFailures > 0;
    const deadline = { deadlineAt: deadlineAt(call, DEADLINE_MS), isFailing };
    digesters[slotOf(id, WHEEL)]?.add({ id, app, ...deadline });
  }
  return digesters.map((digester) => digester.done());
}

const someCall = fc.record({
  id: fc.uuid(),
  app: fc.constantFrom('reception', 'recorder', 'interpreter'),
  renewedAt: fc.integer({ min: NOW - 50 * MINUTE, max: NOW + MINUTE }),
  consecutiveFailures: fc.integer({ min: 0, max: 2 }),
});
const someCalls = fc.uniqueArray(someCall, { selector: ({ id }) => id, maxLength: 80 });
const someReach = fc.constantFrom(null, new Set<string>(), new Set(['recorder']));

test('what is counted by slot and app is what counting all calls gives', () => {
  fc.assert(
    fc.property(someCalls, someReach, (some, visibleApps) => {
      const all = some.map((over) => aCall(over));
      const seen = all.filter(({ app }) => visibleApps === null || visibleApps.has(app));
      const left = (call: Call) => deadlineAt(call, DEADLINE_MS) - NOW;
      const stepOf = (call: Call) => Math.floor((left(call) * MARGIN_STEPS) / DEADLINE_MS);
      const margins = new Array<number>(MARGIN_STEPS).fill(0);
      for (const call of seen) {
        const step = Math.min(MARGIN_STEPS - 1, Math.max(0, stepOf(call)));
        margins[step] = (margins[step] ?? 0) + 1;
      }
      const counted = tally(digestsOf(all), visibleApps, NOW, DEADLINE_MS);
      const nearest = seen.map(left).sort((a, b) => a - b);
      expect(counted).toMatchObject({
        tracked: seen.length,
        failing: seen.filter((call) => call.consecutiveFailures > 0).length,
        atRisk: seen.filter((call) => left(call) < DEADLINE_MS / 3).length,
        nearestDeadlineAt: seen.length > 0 ? NOW + (nearest[0] ?? 0) : null,
        margins,
      });
      const byId = new Map(all.map((call) => [call.id, call]));
      const found = counted.nearest.map((id) => left(byId.get(id) ?? aCall()));
      expect(found).toEqual(nearest.slice(0, MOST_NEAREST));
      const failing = seen.filter((call) => call.consecutiveFailures > 0).map(left);
      const foundFailing = counted.nearestFailing.map((id) => byId.get(id) ?? aCall());
      expect(foundFailing.map(left)).toEqual(failing.sort((a, b) => a - b).slice(0, MOST_NEAREST));
      expect(foundFailing.every((call) => call.consecutiveFailures > 0)).toBe(true);
      for (const [slot, { tracked, failing }] of counted.slots.entries()) {
        const here = seen.filter(({ id }) => slotOf(id, WHEEL) === slot);
        expect(tracked).toBe(here.length);
        expect(failing).toBe(here.filter((call) => call.consecutiveFailures > 0).length);
      }
    }),
  );
});
