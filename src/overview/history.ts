import { isWithin, type VisibleApps } from '../calls/principal.ts';
import { type FailureCause, mergeCauses } from './causes.ts';
import { COUNTED, type Counted, STEPS } from './cells.ts';
import { INCIDENTS_MS, type ReplicaReport } from './diary.ts';
import { MOST_CAUSES } from './failing-calls.ts';
import type { Incident, RedisIncident } from './incidents.ts';
import { joinOutages, joinOverlapping } from './outages.ts';

export type HistoryColumn = { readonly at: number } & Readonly<Record<Counted, number>>;

export interface ReplicaReports {
  readonly own: ReplicaReport;
  readonly others: readonly ReplicaReport[];
  /** The names of the others that are alive. */
  readonly alive: ReadonlySet<string>;
}

/** One column a step over the last deadline, the oldest first; the last one is not over yet. */
export function columnsOf(
  pages: ReplicaReports,
  visibleApps: VisibleApps,
  now: number,
  deadlineMs: number,
): HistoryColumn[] {
  const stepMs = deadlineMs / STEPS;
  const last = Math.floor(now / stepMs);
  const columns = Array.from({ length: STEPS }, (_, i) => ({
    at: Math.round((last - STEPS + 1 + i) * stepMs),
    counts: COUNTED.map(() => 0),
  }));
  for (const { cells } of [pages.own, ...pages.others]) {
    for (const { step, app, counts } of cells) {
      const column = columns[step - last + STEPS - 1];
      if (!column || !isWithin(visibleApps, app)) continue;
      for (const [i, value] of counts.entries()) column.counts[i] = (column.counts[i] ?? 0) + value;
    }
  }
  return columns.map(({ at, counts }) => {
    const named = COUNTED.map((name, i) => [name, counts[i] ?? 0] as const);
    return { at, ...(Object.fromEntries(named) as Record<Counted, number>) };
  });
}

/** Requests that a replica sent within the last interval, as far as its page says. */
export function sentWithin(
  { cells }: ReplicaReport,
  now: number,
  intervalMs: number,
  deadlineMs: number,
) {
  const stepMs = deadlineMs / STEPS;
  const first = Math.floor((now - intervalMs) / stepMs) + 1;
  const sent = COUNTED.indexOf('sent');
  return cells.reduce((sum, { step, counts }) => sum + (step < first ? 0 : (counts[sent] ?? 0)), 0);
}

function livingIn({ own, others, alive }: ReplicaReports): ReplicaReport[] {
  return [own, ...others.filter(({ replica }) => alive.has(replica))];
}

/** Why calls fail now. Of a replica that went away another one has taken over the calls. */
export function causesIn(reports: ReplicaReports, visibleApps: VisibleApps): FailureCause[] {
  return mergeCauses(
    livingIn(reports)
      .flatMap(({ causes }) => causes)
      .filter(({ app }) => isWithin(visibleApps, app)),
  );
}

export function successesIn({ own, others }: ReplicaReports): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const [app, at] of [own, ...others].flatMap(({ successes }) => successes)) {
    last.set(app, Math.max(at, last.get(app) ?? 0));
  }
  return last;
}

/**
 * The apps that have failing calls. Null if there may be more: a replica reports the calls that it
 * has tried itself, so each living replica must have had a whole interval, also to take over the
 * calls of one that went away, and its list must not be full.
 */
export function failingAppsIn(
  reports: ReplicaReports,
  now: number,
  intervalMs: number,
): ReadonlySet<string> | null {
  const { others, alive } = reports;
  const living = livingIn(reports);
  const reporting = new Set(living.map(({ replica }) => replica));
  const isWhole =
    [...alive].every((replica) => reporting.has(replica)) &&
    living.every(({ startedAt }) => startedAt <= now - intervalMs) &&
    living.every(({ causes }) => causes.length < MOST_CAUSES) &&
    others.every(({ replica, at }) => reporting.has(replica) || at <= now - intervalMs);
  return isWhole ? new Set(living.flatMap(({ causes }) => causes.map(({ app }) => app))) : null;
}

/**
 * What happened within the last day, the latest first.
 *
 * @param isUp whether Redis serves; if not, nobody knows what other replicas go through now
 */
export function incidentsOf(
  { own, others, alive }: ReplicaReports,
  visibleApps: VisibleApps,
  now: number,
  isUp = true,
): Incident[] {
  const pages = [own, ...others];
  const noted = pages.flatMap(({ incidents }) => incidents);
  const ofCalls = noted.filter((one) => one.kind !== 'redis' && isWithin(visibleApps, one.app));
  const ended = <T extends { readonly until: number | null }>(one: T, at: number | null) => ({
    ...one,
    until: one.until ?? at,
  });
  // A replica that reports has Redis again.
  const outages = pages.flatMap(({ replica, at, incidents }) =>
    incidents
      .filter((one) => one.kind === 'redis')
      .map((one) => ended(one, replica === own.replica ? null : at)),
  );
  const goesOn = (replica: string) => replica === own.replica || (isUp && alive.has(replica));
  const failures = pages.flatMap((page) =>
    (page.outages ?? [])
      .filter(({ app }) => isWithin(visibleApps, app))
      .map((one) => ended(one, goesOn(page.replica) ? null : page.at)),
  );
  const departed = others.filter(
    ({ replica, stoppedAt }) => stoppedAt === null && !alive.has(replica),
  );
  const departures = departed.map(({ replica, at }) => ({
    kind: 'replica' as const,
    from: at,
    replica,
  }));
  return [
    ...ofCalls,
    ...joinOutages(failures),
    ...joinOverlapping(outages, () => 'redis', firstCause),
    ...departures,
  ]
    .filter((one) => endOf(one, now) > now - INCIDENTS_MS)
    .sort((a, b) => b.from - a.from);
}

function endOf(incident: Incident, now: number): number {
  return incident.kind === 'replica' ? incident.from : (incident.until ?? now);
}

function firstCause(earlier: RedisIncident, later: RedisIncident): Partial<RedisIncident> {
  return { cause: earlier.cause ?? later.cause };
}
