import { Metrics } from '../../src/metrics/metrics.ts';
import type { Summary } from '../../src/overview/tally.ts';
import { DEADLINE_MS, FakeClock, WHEEL } from '../calls/fixture.ts';
import { sumOf } from './samples.ts';

type Summaries = ReadonlyMap<string, Summary>;

/** Metrics with a clock and readings that the test controls. */
export function someMetrics(
  summaries: (now: number) => Summaries | Promise<Summaries> = () => new Map(),
) {
  const clock = new FakeClock();
  const apps = new Map<string, unknown>([['default', null]]);
  const up = { value: true };
  const turning = { value: true };
  const metrics = new Metrics({
    version: '1.2.3',
    wheel: WHEEL,
    deadlineMs: DEADLINE_MS,
    clock,
  });
  metrics.use({
    apps: () => apps,
    summaries: async (now) => summaries(now),
    owners: () => ({ owners: 3, lapsed: 1 }),
    storeUp: () => up.value,
    turning: () => turning.value,
  });
  /** See `sumOf`. */
  const sum = async (selector: string) => sumOf(await metrics.render(), selector);
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
  return { metrics, apps, clock, up, turning, read, sum };
}
