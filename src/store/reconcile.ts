import type { Call, GoneCall } from '../calls/call.ts';
import { type Decision, decideAndWrite } from '../calls/optimistic.ts';
import type { Clock, Entry } from '../calls/ports.ts';
import type { RedisCallStore } from './redis-store.ts';
import type { Roster } from './roster.ts';

/** How many calls were brought up to date in Redis, and how many it had lost and has back. */
export interface Reconciled {
  readonly updated: number;
  readonly restored: number;
}

/**
 * Brings Redis and the roster together after an absence of Redis, a slot at a
 * time: what this replica did meanwhile is written there, what Redis has lost
 * is written back, and what others did is taken over here. It may run on all
 * replicas at once: each write counts only if it is based on what stands there,
 * so whatever they know alike is written by one of them.
 */
export async function reconcile(
  redis: RedisCallStore,
  roster: Roster,
  slots: number,
  clock: Clock,
): Promise<Reconciled> {
  const sum = { updated: 0, restored: 0 };
  for (let slot = 0; slot < slots; slot++) {
    const mark = roster.mark();
    const there = byId(await redis.readSlot(slot));
    const entries = await roster.readSlot(slot);
    const here = entries.map(({ call }) => call);
    const gone = roster.left(slot);
    sum.updated += await update(redis, here, gone, there, clock);
    const lost = here.filter(({ id }) => !there.has(id));
    sum.restored += await redis.restore(slot, lost);
    await redis.remember(slot, gone);
    // Another replica may just have written back what this one knows has left.
    const now = await redis.readSlot(slot);
    const raced = await update(redis, [], gone, byId(now), clock);
    sum.updated += raced;
    roster.saved(entries, gone);
    roster.replaceSlot(slot, raced > 0 ? await redis.readSlot(slot) : now, mark);
  }
  return sum;
}

function byId(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [entry.call.id, entry]));
}

/** What both know: the later word counts. */
async function update(
  redis: RedisCallStore,
  here: readonly Call[],
  gone: readonly GoneCall[],
  there: ReadonlyMap<string, Entry>,
  clock: Clock,
): Promise<number> {
  const subjects = [...here, ...gone].flatMap((known) => {
    const entry = there.get(known.id);
    return entry ? [{ id: known.id, entry, known }] : [];
  });
  const effects = await decideAndWrite(redis, subjects, (current, { known }) =>
    current === null ? null : merge(known, current.call, clock.now()),
  );
  return effects.filter((effect) => effect !== null).length;
}

/**
 * What a replica that knows `known` of a call has to write where `current`
 * stands in Redis. A registration made later replaces an earlier one; a renewal
 * sent later replaces an earlier one, under whichever registration; an ending
 * counts for its own registration and those before it, an expiry only if nobody
 * has renewed the call since. A renewal in the future of `now` is none: it was
 * written by a clock that was wrong.
 */
export function merge(known: Call | GoneCall, current: Call, now: number): Decision {
  const renewal = ({ renewedAt }: Call) => (renewedAt === null || renewedAt > now ? 0 : renewedAt);
  const isNewer = known.registration > current.registration;
  const renewedLater = renewal(known) > renewal(current);
  if ('removal' in known) {
    if (known.registration < current.registration) return null;
    const renewedSince = renewal(current) > renewal(known);
    if (renewedSince && known.removal !== 'untracked') return null;
    const { registration, removal, goneAt } = known;
    return { gone: { ...current, retryAt: null, registration, removal, goneAt } };
  }
  if (isNewer) return { next: renewedLater ? known : withRenewal(known, current), tell: 'tracked' };
  if (renewedLater) return { next: withRenewal(current, known) };
  return null;
}

/** The registration of one with the renewal of the other. */
function withRenewal(call: Call, renewed: Call): Call {
  const { renewedAt, retryAt, consecutiveFailures, atRiskAt, lastError } = renewed;
  return { ...call, renewedAt, retryAt, consecutiveFailures, atRiskAt, lastError };
}
