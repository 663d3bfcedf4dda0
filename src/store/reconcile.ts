import type { Call, GoneCall } from '../calls/call.ts';
import { type Decision, decideAndWrite } from '../calls/optimistic.ts';
import type { Entry } from '../calls/ports.ts';
import type { RedisCallStore } from './redis-store.ts';
import { isKnown, type Roster } from './roster.ts';

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
): Promise<Reconciled> {
  const sum = { updated: 0, restored: 0 };
  for (let slot = 0; slot < slots; slot++) {
    const mark = roster.mark();
    const there = new Map((await redis.readSlot(slot)).map((entry) => [entry.call.id, entry]));
    const entries = await roster.readSlot(slot);
    const here = entries.map(({ call }) => call);
    const gone = roster.left(slot);
    sum.updated += await update(redis, here, gone, there);
    const lost = here.filter(({ id }) => !there.has(id));
    sum.restored += await redis.writeBack(slot, lost, gone.filter(isKnown));
    roster.saved(entries, gone);
    roster.replaceSlot(slot, await redis.readSlot(slot), mark);
  }
  return sum;
}

/** What both know: the later word counts. */
async function update(
  redis: RedisCallStore,
  here: readonly Call[],
  gone: readonly GoneCall[],
  there: ReadonlyMap<string, Entry>,
): Promise<number> {
  const subjects = [...here, ...gone].flatMap((known) => {
    const entry = there.get(known.id);
    return entry ? [{ id: known.id, entry, known }] : [];
  });
  const effects = await decideAndWrite(redis, subjects, (current, { known }) =>
    current === null ? null : merge(known, current.call),
  );
  return effects.filter((effect) => effect !== null).length;
}

/**
 * What a replica that knows `known` of a call has to write where `current`
 * stands in Redis. A registration made later replaces an earlier one; a renewal
 * sent later replaces an earlier one, under whichever registration; an ending
 * counts for its own registration and those before it, an expiry only if nobody
 * has renewed the call since.
 */
export function merge(known: Call | GoneCall, current: Call): Decision {
  const isNewer = known.registration > current.registration;
  const renewedLater = (known.renewedAt ?? 0) > (current.renewedAt ?? 0);
  if ('removal' in known) {
    if (known.registration < current.registration) return null;
    const renewedSince = (current.renewedAt ?? 0) > (known.renewedAt ?? 0);
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
