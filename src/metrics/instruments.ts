import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import {
  definitionOf,
  type LabelValues,
  METRICS,
  type MetricName,
  type MetricsOf,
} from './table.ts';

type Labels = Readonly<Record<string, string>>;
type Read = () => number | Promise<number>;

/** The gauges that are read when somebody asks; the others are set when something happens. */
export type Readings = Readonly<Partial<Record<MetricsOf<'gauge'>, Read>>>;

export interface InstrumentsOptions {
  readonly buckets: Readonly<Record<MetricsOf<'histogram'>, readonly number[]>>;
  readonly readings: Readings;
}

/**
 * How often the event loop is measured, in ms; this is included in its lag. With the library's
 * defaults (10 and 100) it would be most of what a replica without calls costs.
 */
const EVENT_LOOP = { eventLoopMonitoringPrecision: 50, eventLoopUtilizationTimeout: 1_000 };

/** The metrics of the table, in a registry of this replica's own. */
export class Instruments {
  readonly registry = new Registry();
  readonly #counters = new Map<MetricName, Counter<string>>();
  readonly #gauges = new Map<MetricName, Gauge<string>>();
  readonly #histograms = new Map<MetricName, Histogram>();

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
            this.set(await read());
          },
        }),
      });
      this.#gauges.set(name, gauge);
    } else {
      const counter = new Counter<string>(described);
      // A counter that is absent until its first event hides that event from `rate`.
      for (const known of knownLabels(labels)) counter.inc(known, 0);
      this.#counters.set(name, counter);
    }
  }
}

/** Every combination of the values that the table knows; none if only the configuration knows them. */
function knownLabels(labels: Readonly<Record<string, LabelValues | string>>): Labels[] {
  return Object.entries(labels).reduce<Labels[]>(
    (all, [label, values]) => {
      const known = typeof values === 'string' ? [] : Object.keys(values);
      return all.flatMap((one) => known.map((value) => ({ ...one, [label]: value })));
    },
    [{}],
  );
}
