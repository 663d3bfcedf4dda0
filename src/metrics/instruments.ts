import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import { definitionOf, METRICS, type MetricName, type MetricsOf } from './table.ts';

type Labels = Readonly<Record<string, string>>;
/** One value, or one for each app. */
type Reading = number | ReadonlyMap<string, number>;
type Read = () => Reading | Promise<Reading>;

/** The gauges that are read at each scrape; the others are set when something happens. */
export type Readings = Readonly<Partial<Record<MetricsOf<'gauge'>, Read>>>;

export interface InstrumentsOptions {
  readonly buckets: Readonly<Record<MetricsOf<'histogram'>, readonly number[]>>;
  readonly readings: Readings;
}

/**
 * How often the event loop is measured, in ms; the reported lag includes it. The library's defaults
 * (10 and 100) would be most of the CPU of a replica without calls.
 */
const EVENT_LOOP = { eventLoopMonitoringPrecision: 50, eventLoopUtilizationTimeout: 1_000 };

export class Instruments {
  readonly registry = new Registry();
  readonly #counters = new Map<MetricName, Counter<string>>();
  readonly #gauges = new Map<MetricName, Gauge<string>>();
  readonly #histograms = new Map<MetricName, Histogram>();
  #apps: ReadonlySet<string> = new Set();

  constructor(options: InstrumentsOptions) {
    for (const name of Object.keys(METRICS) as MetricName[]) this.#create(name, options);
    collectDefaultMetrics({ register: this.registry, ...EVENT_LOOP });
  }

  count(name: MetricsOf<'counter'>, labels: Labels = {}, by = 1): void {
    this.#counters.get(name)?.inc(labels, by);
  }

  observe(name: MetricsOf<'histogram'>, value: number): void {
    this.#histograms.get(name)?.observe(value);
  }

  set(name: MetricsOf<'gauge'>, labels: Labels, value: number): void {
    this.#gauges.get(name)?.set(labels, value);
  }

  /** Starts the counters of these apps at zero, and ends those of others. */
  useApps(apps: ReadonlySet<string>): void {
    const series = [...this.#counters].flatMap(([name, counter]) =>
      'app' in (definitionOf(name).labels ?? {}) ? [{ name, counter }] : [],
    );
    for (const { name, counter } of series) {
      for (const app of apps.difference(this.#apps)) {
        for (const labels of knownLabels(name, app)) counter.inc(labels, 0);
      }
      for (const app of this.#apps.difference(apps)) {
        for (const labels of knownLabels(name, app)) counter.remove(labels);
      }
    }
    this.#apps = apps;
  }

  #create(name: MetricName, { buckets, readings }: InstrumentsOptions): void {
    const { type, help, labels = {} } = definitionOf(name);
    const described = { name, help, labelNames: Object.keys(labels), registers: [this.registry] };
    if (type === 'histogram') {
      const bounds = [...buckets[name as MetricsOf<'histogram'>]];
      this.#histograms.set(name, new Histogram({ ...described, buckets: bounds }));
    } else if (type === 'gauge') {
      const read = readings[name as MetricsOf<'gauge'>];
      const gauge = new Gauge<string>({
        ...described,
        ...(read && {
          async collect() {
            const reading = await read();
            if (typeof reading === 'number') return this.set(reading);
            this.reset();
            for (const [app, value] of reading) this.set({ app }, value);
          },
        }),
      });
      this.#gauges.set(name, gauge);
    } else {
      const counter = new Counter<string>(described);
      // A counter that is absent until its first event hides that event from `rate`.
      for (const known of knownLabels(name)) counter.inc(known, 0);
      this.#counters.set(name, counter);
    }
  }
}

/** All combinations of a metric's label values; none if a label needs an app and none is given. */
function knownLabels(name: MetricName, app?: string): Labels[] {
  const { labels = {} } = definitionOf(name);
  return Object.entries(labels).reduce<Labels[]>(
    (all, [label, described]) => {
      const apps = app === undefined ? [] : [app];
      const values = typeof described === 'string' ? apps : Object.keys(described);
      return all.flatMap((one) => values.map((value) => ({ ...one, [label]: value })));
    },
    [{}],
  );
}
