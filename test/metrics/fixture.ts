import { Metrics } from '../../src/metrics/metrics.ts';
import type { Summary } from '../../src/store/census.ts';
import { DEADLINE_MS, FakeClock, WHEEL } from '../calls/fixture.ts';

const EMPTY: Summary = {
  tracked: 0,
  failing: 0,
  atRisk: 0,
  nearestDeadlineAt: null,
};

/** Metrics over a clock and states of the test's own. */
export function someMetrics(summary: (now: number) => Summary | Promise<Summary> = () => EMPTY) {
  const clock = new FakeClock();
  const up = { value: true };
  const turning = { value: true };
  const metrics = new Metrics({
    version: '1.2.3',
    wheel: WHEEL,
    deadlineMs: DEADLINE_MS,
    clock,
    summary: async (now) => summary(now),
    owners: () => ({ owners: 3, lapsed: 1 }),
    storeUp: () => up.value,
    turning: () => turning.value,
  });
  /** name{labels} → value, as Prometheus reads them. */
  const read = async () => {
    const lines = (await metrics.render())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [
        line.slice(0, line.lastIndexOf(' ')),
        Number(line.slice(line.lastIndexOf(' ') + 1)),
      ]),
    );
  };
  return { metrics, clock, up, turning, read };
}
