import { type Call, covers, forgetAs, type GoneCall, isTombstone } from '../calls/call.ts';
import { type Decision, decideAndWrite } from '../calls/optimistic.ts';
import type { Clock, Entry } from '../calls/ports.ts';
import { inTenant, saysTheSame } from '../calls/words.ts';
import { giveWay } from './give-way.ts';
import { type RedisCallStore, WrongTypeError } from './redis-store.ts';
import type { Roster } from './roster.ts';

export interface Reconciled {
  /** How many calls were brought up to date in Redis. */
  updated: number;
  /** How many calls Redis had lost, and has back from here. */
  restored: number;
  /** Calls that left the schedule here while Redis was out: it knows now, and nobody has told of them. */
  readonly left: GoneCall[];
  /** Slots whose keys hold something that is not ours. They are passed over. */
  readonly unreadable: number[];
}

/**
 * Brings Redis and the roster together after an absence of Redis, one after the
 * other of the slots: what this replica did meanwhile is written there, what Redis has lost
 * is written back, and what others did is taken over here. It may run on all
 * replicas at once: each write counts only if it is based on what stands there,
 * so whatever they know alike is written, and told of, by one of them.
 */
export async function reconcile(
  redis: RedisCallStore,
  roster: Roster,
  slots: Iterable<number>,
  clock: Clock,
): Promise<Reconciled> {
  const sum: Reconciled = { updated: 0, restored: 0, left: [], unreadable: [] };
  for (const slot of slots) {
    try {
      await reconcileSlot(redis, roster, slot, clock, sum);
    } catch (error) {
      if (!(error instanceof WrongTypeError)) throw error;
      sum.unreadable.push(slot);
    }
  }
  return sum;
}

async function reconcileSlot(
  redis: RedisCallStore,
  roster: Roster,
  slot: number,
  clock: Clock,
  sum: Reconciled,
): Promise<void> {
  const mark = roster.mark();
  const read = await redis.readSlot(slot);
  await giveWay(read.length);
  const there = byId(read);
  const entries = await roster.readSlot(slot);
  const here = entries.map(({ call }) => call);
  const gone = await roster.readGone(slot);
  const updated = await update(redis, [...here, ...gone], there, clock);
  const lost = here.filter(({ id }) => !there.has(id));
  const { written, stopped } = await redis.restore(slot, lost);
  sum.restored += written;
  const isNews = (call: GoneCall) => roster.isUnsaved(call.id) && !isTombstone(call);
  const remembered = await redis.remember(slot, gone, isNews);
  sum.left.push(...remembered.filter(isNews), ...(await redis.remember(slot, stopped, () => true)));
  // Another replica may just have written back what this one knows has left.
  const isKnown = gone.length === 0 && updated.isIdle && lost.length === 0;
  const now = isKnown ? read : await redis.readSlot(slot);
  const raced = await update(redis, gone, byId(now), clock);
  const effects = [...updated.effects, ...raced.effects];
  for (const effect of effects) if ('gone' in effect) sum.left.push(effect.gone);
  sum.updated += effects.length;
  await giveWay(now.length);
  roster.saved(entries, gone);
  roster.replaceSlot(slot, raced.effects.length > 0 ? await redis.readSlot(slot) : now, mark);
}

function byId(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [entry.call.id, entry]));
}

/** What was written, and whether nothing even had to be tried. */
interface Updated {
  readonly effects: NonNullable<Decision>[];
  readonly isIdle: boolean;
}

/** What both know: the later word counts. */
async function update(
  redis: RedisCallStore,
  known: readonly (Call | GoneCall)[],
  there: ReadonlyMap<string, Entry>,
  clock: Clock,
): Promise<Updated> {
  const subjects = known.flatMap((call) => {
    const entry = there.get(call.id);
    const isLater = entry !== undefined && merge(call, entry.call, clock.now()) !== null;
    return isLater ? [{ id: call.id, entry, call }] : [];
  });
  const effects = await decideAndWrite(redis, subjects, (current, { call }) =>
    current === null ? null : merge(call, current.call, clock.now()),
  );
  return { effects: effects.filter((effect) => effect !== null), isIdle: subjects.length === 0 };
}

/**
 * Merges a replica's record `known` into the record `current` of Redis; returns what
 * to write.
 *
 * - A later registration replaces an earlier one.
 * - A later renewal replaces an earlier one, whatever their registrations.
 * - A removal counts for its own registration and earlier ones. It does not count if
 *   the call expired without knowledge of a later success, or if a success came after
 *   Graph said that the call is over.
 * - A tenant that a notification named under the same registration replaces the
 *   default one.
 * - A renewal later than `now` is ignored: it was written by a wrong clock.
 */
export function merge(known: Call | GoneCall, current: Call, now: number): Decision {
  const renewal = ({ renewedAt }: Call) => (renewedAt === null || renewedAt > now ? 0 : renewedAt);
  const isNewer = known.registration > current.registration;
  const renewedLater = renewal(known) > renewal(current);
  if ('removal' in known) {
    if (!covers(known, current)) return null;
    if (known.removal === 'expired' && renewal(current) > renewal(known)) return null;
    if (known.removal === 'ended' && renewal(current) > known.goneAt) return null;
    return { gone: forgetAs(current, known) };
  }
  const isSame = known.registration === current.registration;
  const told = isSame && !known.tenantIsDefault ? inTenant(current, known.tenantId) : current;
  if (!isNewer && !renewedLater && told === current) return null;
  const newest = isNewer ? known : told;
  const next = withRenewal(newest, renewedLater ? known : current);
  return saysTheSame(current, next) ? { next } : { next, tell: 'tracked' };
}

/** The registration of one with the renewal of the other. */
function withRenewal(call: Call, renewed: Call): Call {
  const { renewedAt, retryAt, consecutiveFailures, atRiskAt, lastError } = renewed;
  return { ...call, renewedAt, retryAt, consecutiveFailures, atRiskAt, lastError };
}
