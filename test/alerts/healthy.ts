import type { Series } from './promtool.ts';

/** Minutes of each series; the trouble begins and ends within them. */
const LENGTH = 150;
export const TROUBLE = { first: 20, last: 60 };

/** The values of a series by minute; null: it is absent. */
export interface Course {
  readonly values: readonly (number | null)[];
}

/** A gauge that differs only during the trouble. */
export function gauge(normal: number, inTrouble: number | null = normal): Course {
  return { values: each((minute) => (isTrouble(minute) ? inTrouble : normal)) };
}

/** A counter, by its growth per minute. */
export function counter(normal: number, inTrouble = normal): Course {
  let total = 0;
  return {
    values: each((minute) => {
      total += isTrouble(minute) ? inTrouble : normal;
      return total;
    }),
  };
}

/** A counter that grows once, when the trouble begins. */
export function once(by: number): Course {
  return { values: each((minute) => (minute < TROUBLE.first ? 0 : by)) };
}

/** A start time that changes every so often during the trouble. */
export function restarts(everyMinutes: number): Course {
  const at = (minute: number) => Math.floor(Math.min(minute, TROUBLE.last) / everyMinutes);
  return { values: each((minute) => (minute < TROUBLE.first ? 0 : 1_000 + at(minute))) };
}

/** Buckets of a histogram with 20 observations a minute, all of the same duration. */
export function histogram(name: string, normal: number, inTrouble = normal): Courses {
  const bounds = [0.5, 1, 5, 10, 30, 60, 300, 900, Number.POSITIVE_INFINITY];
  return Object.fromEntries(
    bounds.map((bound) => {
      const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : bound;
      const growth = (value: number) => (value <= bound ? 20 : 0);
      return [`${name}_bucket{le="${le}"}`, counter(growth(normal), growth(inTrouble))];
    }),
  );
}

/** By the name of the series and its labels, without `job` and `instance`. */
export type Courses = Readonly<Record<string, Course>>;

/** All series that the rules use, of a healthy replica at 15 and 45 minutes. */
const HEALTHY: Courses = {
  up: gauge(1),
  'callkeeper_build_info{version="1.2.3"}': gauge(1),
  process_start_time_seconds: gauge(1_000),
  nodejs_eventloop_lag_p99_seconds: gauge(0.02),
  callkeeper_interval_seconds: gauge(900),
  callkeeper_deadline_seconds: gauge(2_700),
  'callkeeper_tracked_calls{app="default"}': gauge(300),
  'callkeeper_calls_failing{app="default"}': gauge(0),
  'callkeeper_calls_at_risk{app="default"}': gauge(0),
  'callkeeper_min_margin_seconds{app="default"}': gauge(1_755),
  callkeeper_store_up: gauge(1),
  callkeeper_wheel_turning: gauge(1),
  'callkeeper_reload_successful{file="apps"}': gauge(1),
  'callkeeper_reload_successful{file="access"}': gauge(1),
  'callkeeper_keepalives_total{app="default",outcome="renewed"}': counter(10),
  'callkeeper_keepalives_total{app="default",outcome="ended"}': counter(1),
  'callkeeper_keepalives_total{app="default",outcome="throttled"}': counter(0),
  'callkeeper_keepalives_total{app="default",outcome="refused"}': counter(0),
  'callkeeper_keepalives_total{app="default",outcome="unauthorized"}': counter(0),
  'callkeeper_keepalives_total{app="default",outcome="failed"}': counter(0),
  ...histogram('callkeeper_keepalive_duration_seconds', 0.5),
  ...histogram('callkeeper_lateness_seconds', 1),
  'callkeeper_calls_removed_total{app="default",reason="ended"}': counter(1),
  'callkeeper_calls_removed_total{app="default",reason="unknown"}': counter(0),
  'callkeeper_calls_removed_total{app="default",reason="expired"}': counter(0),
  'callkeeper_calls_removed_total{app="default",reason="untracked"}': counter(2),
  'callkeeper_calls_removed_total{app="default",reason="owner-lost"}': counter(0),
  callkeeper_owners: gauge(2),
  callkeeper_owners_lapsed: gauge(0),
  'callkeeper_graph_timeouts_total{app="default"}': counter(0),
  'callkeeper_token_requests_total{app="default",outcome="success"}': counter(1),
  'callkeeper_token_requests_total{app="default",outcome="failure"}': counter(0),
  callkeeper_calls_written_back_total: counter(0),
  callkeeper_unreadable_values_total: counter(0),
  callkeeper_missed_turns_total: counter(0),
  callkeeper_workers_replaced_total: counter(0),
  'callkeeper_http_requests_total{status="2xx"}': counter(30),
  'callkeeper_http_requests_total{status="4xx"}': counter(1),
  'callkeeper_http_requests_total{status="5xx"}': counter(0),
  'callkeeper_requests_denied_total{reason="unauthorized"}': counter(0),
  'callkeeper_requests_denied_total{reason="rate-limited"}': counter(0),
  'callkeeper_connections_dropped_total{reason="address"}': counter(0),
  'callkeeper_connections_dropped_total{reason="full"}': counter(0),
  'callkeeper_webhook_deliveries_total{outcome="delivered"}': counter(1),
  'callkeeper_webhook_deliveries_total{outcome="failed"}': counter(0),
  'callkeeper_webhook_deliveries_total{outcome="given_up"}': counter(0),
};

/**
 * Two replicas of a job, `a` and `b`, with their deviations from a healthy one, scraping included.
 */
export function replicas(a: Courses, b: Courses = {}, job = 'callkeeper'): Series {
  const all = new Map<string, readonly (number | null)[]>();
  for (const [instance, courses] of Object.entries({ a, b })) {
    for (const [name, { values }] of Object.entries({ ...HEALTHY, ...courses })) {
      all.set(labelled(name, instance, job), values);
    }
  }
  return all;
}

/** The replica has no series during the trouble. */
export function gone(): Courses {
  return Object.fromEntries(
    Object.entries(HEALTHY).map(([name, { values }]) => [
      name,
      { values: values.map((value, minute) => (isTrouble(minute) ? null : value)) },
    ]),
  );
}

function labelled(name: string, instance: string, job: string): string {
  const target = `job="${job}", instance="${instance}"`;
  return name.endsWith('}') ? `${name.slice(0, -1)}, ${target}}` : `${name}{${target}}`;
}

function isTrouble(minute: number): boolean {
  return minute >= TROUBLE.first && minute <= TROUBLE.last;
}

function each<T>(valueAt: (minute: number) => T): T[] {
  return Array.from({ length: LENGTH }, (_, minute) => valueAt(minute));
}
