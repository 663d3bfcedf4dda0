import type { Notice, NoticeFate } from './notice.ts';
import type { Stopper } from './stopper.ts';
import type { Tracker } from './tracker.ts';

/** Applies the notifications of one request; several may be about one call, in any order. */
export class Notified {
  readonly #tracker: Pick<Tracker, 'establish'>;
  readonly #stopper: Pick<Stopper, 'untrack'>;

  constructor(tracker: Pick<Tracker, 'establish'>, stopper: Pick<Stopper, 'untrack'>) {
    this.#tracker = tracker;
    this.#stopper = stopper;
  }

  /**
   * Returns the fate of each. Applies endings first, so that a call that is over is not tracked.
   *
   * @param app for newly tracked calls; undefined: the default app
   */
  async take(
    notices: readonly Notice[],
    app: string | undefined,
  ): Promise<Map<Notice, NoticeFate>> {
    const fates = new Map<Notice, NoticeFate>();
    const endings = notices.filter((notice) => notice.kind === 'over');
    const groups = Map.groupBy(endings, ({ id }) => id);
    await Promise.all([...groups.values()].map((group) => this.#end(group, fates)));
    const over = new Set(
      endings.filter((ending) => !isMisdirected(fates.get(ending))).map(({ id }) => id),
    );
    const established = notices
      .filter((notice) => notice.kind === 'established')
      .filter(({ id }) => !over.has(id))
      .toSorted((a, b) => Number(a.tenantId !== null) - Number(b.tenantId !== null));
    const wanted = new Map(established.map((notice) => [notice.id, notice]));
    const byId = await this.#tracker.establish([...wanted.values()], app);
    for (const [id, fate] of byId) {
      const notice = wanted.get(id);
      if (notice) fates.set(notice, fate);
    }
    return fates;
  }

  /** The ending that is applied first is published: one with a reason, if there is one. */
  async #end(endings: Extract<Notice, { kind: 'over' }>[], fates: Map<Notice, NoticeFate>) {
    const says = (ending: { resultInfo: unknown }) => Number(ending.resultInfo !== null);
    for (const ending of endings.toSorted((a, b) => says(b) - says(a))) {
      const { fate } = await this.#stopper.untrack(ending.id, ending);
      fates.set(ending, fate);
    }
  }
}

export function isMisdirected(fate: NoticeFate | undefined): fate is 'other_tenant' | 'other_app' {
  return fate === 'other_tenant' || fate === 'other_app';
}

/** @param total the number of all notifications, including those about no call */
export function countFates(fates: Iterable<NoticeFate>, total: number): Record<NoticeFate, number> {
  const counts = {
    tracked: 0,
    updated: 0,
    stopped: 0,
    other_tenant: 0,
    other_app: 0,
    ignored: total,
  };
  for (const fate of fates) {
    if (fate === 'ignored') continue;
    counts[fate]++;
    counts.ignored--;
  }
  return counts;
}
