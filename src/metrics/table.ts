import type { Definition } from './definition.ts';
import { BOTS } from './table-bots.ts';
import { CALLS } from './table-calls.ts';
import { REDIS } from './table-redis.ts';
import { SETTINGS } from './table-settings.ts';

/**
 * Every metric of a replica, in the order of docs/metrics.md. `Metrics` creates them from this table,
 * and `npm run metrics` writes the page from it.
 */
export const METRICS = { ...CALLS, ...REDIS, ...BOTS, ...SETTINGS };

type Table = typeof METRICS;
export type MetricName = keyof Table;
export type MetricsOf<T extends Definition['type']> = {
  [N in MetricName]: Table[N]['type'] extends T ? N : never;
}[MetricName];

/** A metric by its name, without what the table knows only of that one. */
export function definitionOf(name: MetricName): Definition {
  return METRICS[name];
}
