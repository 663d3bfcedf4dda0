import type { Clock } from '../calls/ports.ts';
import type { Wheel } from '../calls/wheel.ts';
import { addSummaries, type Summary } from '../overview/tally.ts';
import type { Readings } from './instruments.ts';

export interface ReadingsOptions {
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly clock: Clock;
}

export interface MetricsSources {
  readonly apps: () => ReadonlyMap<string, unknown>;
  readonly summaries: (now: number) => Promise<ReadonlyMap<string, Summary>>;
  readonly owners: () => { readonly owners: number; readonly lapsed: number };
  readonly storeUp: () => boolean;
  readonly turning: () => boolean;
}

/** Until the other parts are made. */
export const NO_SOURCES: MetricsSources = {
  apps: () => new Map(),
  summaries: async () => new Map(),
  owners: () => ({ owners: 0, lapsed: 0 }),
  storeUp: () => false,
  turning: () => false,
};

const SECOND = 1_000;

/** No app has this name. For Prometheus an empty label is the same as none. */
export const OTHER_APP = '';

/** The gauges that are read at each scrape. */
export function readings(options: ReadingsOptions, sources: () => MetricsSources): Readings {
  const { clock, wheel, deadlineMs } = options;
  const summaries = summariesByLabel(clock, sources);
  const each = (read: (summary: Summary) => number) => async () =>
    new Map([...(await summaries())].map(([app, summary]) => [app, read(summary)]));
  return {
    callkeeper_tracked_calls: each(({ tracked }) => tracked),
    callkeeper_calls_failing: each(({ failing }) => failing),
    callkeeper_calls_at_risk: each(({ atRisk }) => atRisk),
    callkeeper_min_margin_seconds: each(
      ({ nearestDeadlineAt: at }) => (at === null ? deadlineMs : at - clock.now()) / SECOND,
    ),
    callkeeper_owners: () => sources().owners().owners,
    callkeeper_owners_lapsed: () => sources().owners().lapsed,
    callkeeper_store_up: () => Number(sources().storeUp()),
    callkeeper_wheel_turning: () => Number(sources().turning()),
    callkeeper_interval_seconds: () => wheel.intervalMs / SECOND,
    callkeeper_deadline_seconds: () => deadlineMs / SECOND,
  };
}

type Summaries = ReadonlyMap<string, Summary>;

/** One for each configured app, and one for the calls of all others if there are any. */
function summariesByLabel(clock: Clock, sources: () => MetricsSources): () => Promise<Summaries> {
  const count = async (): Promise<Summaries> => {
    const { apps, summaries } = sources();
    const counted = await summaries(clock.now());
    const labelled = [...apps().keys()].map((app): [string, Summary] => [
      app,
      counted.get(app) ?? addSummaries([]),
    ]);
    const others = [...counted].filter(([app]) => !apps().has(app)).map(([, one]) => one);
    if (others.length > 0) labelled.push([OTHER_APP, addSummaries(others)]);
    return new Map(labelled);
  };
  let counting: Promise<Summaries> | null = null;
  // One count serves all gauges of a scrape.
  return () => {
    counting ??= count().finally(() => {
      counting = null;
    });
    return counting;
  };
}
