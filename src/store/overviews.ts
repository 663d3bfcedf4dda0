import { trackedCallOf } from '../calls/call.ts';
import type { CallRegistry, Clock } from '../calls/ports.ts';
import { isWithin, type VisibleApps } from '../calls/principal.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { ReplicaReport } from '../overview/diary.ts';
import type { SlotDigest } from '../overview/digest.ts';
import {
  causesIn,
  columnsOf,
  failingAppsIn,
  incidentsOf,
  type ReplicaReports,
  sentWithin,
  successesIn,
} from '../overview/history.ts';
import type { CountedCalls, Overview, Overviews, ReplicaShare } from '../overview/overview.ts';
import { tally } from '../overview/tally.ts';
import type { Census } from './census.ts';
import type { Diaries } from './diaries.ts';
import type { RedisLink } from './redis-link.ts';
import { SharedCount } from './shared-count.ts';

export interface OverviewsOptions {
  readonly census: Pick<Census, 'digests'>;
  readonly registry: Pick<CallRegistry, 'get'>;
  readonly diaries: Pick<Diaries, 'pages'>;
  readonly link: Pick<RedisLink, 'up' | 'cause'>;
  readonly wheel: Pick<Wheel, 'intervalMs'>;
  readonly deadlineMs: number;
  readonly clock: Clock;
}

interface Count {
  readonly countedAt: number;
  readonly digests: readonly SlotDigest[];
  readonly made: Map<VisibleApps, CountedCalls>;
}

/**
 * Answers only from this replica's memory, so it works while Redis is out. The calls are counted
 * once for all clients. With a million calls the first count takes a second, in chunks; later
 * counts read only the slots that have changed.
 */
export class LocalOverviews implements Overviews {
  readonly #options: OverviewsOptions;
  readonly #count = new SharedCount(() => this.#countCalls());

  constructor(options: OverviewsOptions) {
    this.#options = options;
  }

  async read(visibleApps: VisibleApps): Promise<Overview> {
    const { diaries, link, wheel, clock, deadlineMs } = this.#options;
    const [count, pages] = await Promise.all([this.#count.latest(), diaries.pages()]);
    // While Redis is out, the pages of the others are old, and this replica tries all calls itself.
    const current = link.up ? pages : { ...pages, alive: new Set<string>() };
    const now = clock.now();
    const failingApps = link.up ? failingAppsIn(pages, now, wheel.intervalMs) : null;
    const counts = this.#within(visibleApps, failingApps, count);
    return {
      ...counts,
      now,
      redis: this.#redis(pages),
      replicas: this.#living(pages, link.up, now),
      causes: causesIn(current, visibleApps),
      successes: successesIn(pages),
      incidents: incidentsOf(pages, visibleApps, now, link.up),
      columns: columnsOf(pages, visibleApps, now, deadlineMs),
    };
  }

  #redis({ own }: ReplicaReports): Overview['redis'] {
    const { up, cause } = this.#options.link;
    if (up) return { up, cause: null, fix: null, since: null };
    const outage = own.incidents.find((one) => one.kind === 'redis' && one.until === null);
    return { up, cause: cause?.what ?? null, fix: cause?.fix ?? null, since: outage?.from ?? null };
  }

  /** Without Redis the others are unknown. A replica without a page may be alive. */
  #living({ own, others, alive }: ReplicaReports, up: boolean, now: number): ReplicaShare[] {
    const { wheel, deadlineMs } = this.#options;
    const shareOf = (page: ReplicaReport) => ({
      replica: page.replica,
      version: page.version,
      startedAt: page.startedAt,
      keepAlives: sentWithin(page, now, wheel.intervalMs, deadlineMs),
    });
    const names = up ? [...alive].filter((name) => name !== own.replica).sort() : [];
    const pages = new Map(others.map((page) => [page.replica, page]));
    const unknown = { version: '', startedAt: null, keepAlives: 0 };
    const rest = names.map((replica) => {
      const page = pages.get(replica);
      return page ? shareOf(page) : { replica, ...unknown };
    });
    return [shareOf(own), ...rest];
  }

  async #countCalls(): Promise<Count> {
    const digests = await this.#options.census.digests();
    return { countedAt: this.#options.clock.now(), digests, made: new Map() };
  }

  #within(
    visibleApps: VisibleApps,
    failingApps: ReadonlySet<string> | null,
    { countedAt, digests, made }: Count,
  ): CountedCalls {
    const known = made.get(visibleApps);
    if (known) return known;
    const { registry, deadlineMs } = this.#options;
    const counted = tally(digests, visibleApps, countedAt, deadlineMs, failingApps);
    const callsOf = (ids: readonly string[]) =>
      ids
        .flatMap((id) => trackedCallOf(registry.get(id)) ?? [])
        // It may belong to another app since the count.
        .filter(({ app }) => isWithin(visibleApps, app));
    const nearest = callsOf(counted.nearest);
    const nearestFailing = callsOf(counted.nearestFailing);
    const counts = { countedAt, tally: counted, nearest, nearestFailing };
    made.set(visibleApps, counts);
    return counts;
  }
}
