import type { Logger } from 'pino';
import type { Calls } from '../calls/calls.ts';
import { LeaseJudge } from '../calls/lease-judge.ts';
import { believeOwner } from '../calls/merge.ts';
import { describeOwner, type OwnerRecord, ownerState } from '../calls/owner.ts';
import { Owners } from '../calls/owners.ts';
import { pieces } from '../calls/pieces.ts';
import type { CallRegistry, OwnerObserver, SettledClock } from '../calls/ports.ts';
import type { ConfiguredApps } from '../calls/track-request.ts';
import { LeaseWatch } from '../schedule/lease-watch.ts';
import type { RedisClient } from '../store/connection.ts';
import { JUDGE_KEY, ownerKeys } from '../store/keys.ts';
import { LocalRegistry } from '../store/local-registry.ts';
import type { Membership } from '../store/membership.ts';
import type { LocalOwnedCalls } from '../store/owned-calls.ts';
import { isInDoubt, needsJudge } from '../store/owner-codec.ts';
import { OWNERS } from '../store/record-kind.ts';
import { RedisRegistry, WrongTypeError } from '../store/redis-registry.ts';
import { Registry } from '../store/registry.ts';

export interface OwnersParts {
  readonly redis: RedisClient;
  readonly hasWebhooks: boolean;
  readonly replica: string;
  readonly membership: () => Pick<Membership, 'servedSince'>;
  readonly calls: CallRegistry;
  readonly owned: LocalOwnedCalls;
  readonly isUp: () => boolean;
  readonly clock: SettledClock;
  readonly graceMs: number;
  readonly skewMs: number;
  readonly intervalMs: number;
  readonly heartbeatMs: number;
  readonly believedMs: number;
  readonly observer: () => OwnerObserver;
  readonly onUnreadable: (id: string, error: Error) => void;
  readonly onFatal: (error: Error) => void;
  readonly log: Logger;
}

/** Slots of the registry of owners: enough to keep each command that reads a slot short. */
const SLOTS = 16;
/** Calls stopped in one batch, so that a DELETE of many calls does not hold up other requests. */
const STOPPED_AT_ONCE = 500;
/** The longest lease, and how long a lost or dropped owner is kept. */
const DAY_MS = 24 * 60 * 60 * 1_000;

/** The registry of owners, what bots can ask of it, and the watch that judges their leases. */
export function buildOwners(parts: OwnersParts) {
  const { redis, hasWebhooks, owned, clock, isUp, graceMs, skewMs, intervalMs } = parts;
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  const local = new LocalRegistry<OwnerRecord>({
    kind: OWNERS,
    slots: SLOTS,
    believe: (record) => believeOwner(record, { now: clock.now(), skewMs, intervalMs }),
  });
  const shared = new RedisRegistry({ redis, slots: SLOTS, keysOf: ownerKeys, hasWebhooks });
  const registry = new Registry<OwnerRecord>({
    kind: OWNERS,
    local,
    shared,
    isUp,
    now: () => clock.now(),
    isStale: (text) => {
      const { lease } = OWNERS.decode('@', text);
      const until = (lease?.renewedAt ?? 0) + (lease?.leaseMs ?? 0) + graceMs;
      return clock.settledNow() > until + DAY_MS;
    },
    onAnnounced: ({ type }, record) => {
      const owner = describe(record);
      if (type === 'owner.lapsed') parts.observer().lapsed(owner);
      if (type === 'owner.renewed') parts.observer().renewed(owner);
    },
    onUnreadable: parts.onUnreadable,
  });
  const judging = () => {
    return { servedSince: parts.membership().servedSince ?? clock.now(), graceMs };
  };
  const describe = (record: OwnerRecord) => {
    return describeOwner(record, owned.count(record.id), judging());
  };
  function* tracked() {
    for (const slot of slots) for (const [id, text] of local.tracked(slot)) yield { id, text };
  }
  const countLeases = () => slots.reduce((sum, slot) => sum + local.tracked(slot).size, 0);

  /** For the metrics: how many owners have a lease, and how many of the leases have lapsed. */
  const count = () => {
    let lapsed = 0;
    for (const { id, text } of tracked()) {
      if (isInDoubt(text) && ownerState(local.get(id)) === 'lapsed') lapsed++;
    }
    return { owners: countLeases(), lapsed };
  };

  const judge = new LeaseJudge({
    owners: registry,
    suspects: function* (now) {
      for (const { id, text } of tracked()) {
        if (needsJudge(text, now, skewMs)) yield local.get(id);
      }
      // Of the many removed owners, only those that still have calls need work.
      for (const id of owned.owners()) if (local.isRemoved(id)) yield local.get(id);
    },
    calls: parts.calls,
    owned,
    clock,
    skewMs,
    judging,
    onLost: (record, calls) => parts.observer().lost(describe(record), calls),
  });
  const watch = new LeaseWatch({
    judge,
    sync: async (isNew) => {
      const since = clock.settledNow() - DAY_MS;
      const foreign: number[] = [];
      for (const slot of slots) {
        try {
          await registry.sync(slot, { removedSince: isNew ? since : null });
          local.dropRemoved(slot, since);
          await shared.prune(slot, since);
        } catch (error) {
          if (!(error instanceof WrongTypeError)) throw error;
          foreign.push(slot);
        }
      }
      if (foreign.length > 0) parts.log.error({ slots: foreign }, 'keys of owners are not ours');
    },
    refresh: async () => {
      const lapsed = [...tracked()].filter(({ text }) => isInDoubt(text));
      if (lapsed.length > 0) await registry.read(lapsed.map(({ id }) => id));
    },
    isUp,
    isAhead: () => registry.unacknowledged > 0,
    hold: async () => {
      const { replica, believedMs } = parts;
      const holding = redis.holdLock(JUDGE_KEY, replica, Math.ceil(believedMs));
      return (await holding.catch(() => 0)) === 1; // Redis is out: nobody judges
    },
    lookMs: parts.heartbeatMs,
    syncMs: intervalMs,
    clock,
    log: parts.log,
    onFatal: parts.onFatal,
  });

  const serve = (calls: Pick<Calls, 'within'>, configured: () => ConfiguredApps) =>
    new Owners({
      registry,
      slots: SLOTS,
      calls: owned,
      leases: countLeases,
      stop: async (ids, reach) => {
        let count = 0;
        for (const some of pieces(ids, STOPPED_AT_ONCE)) {
          const stopped = await calls.within(reach).untrackAll(some);
          count += stopped.filter((one) => one.stopped).length;
        }
        return count;
      },
      clock,
      judging,
      configured,
      reach: null,
    });
  return { local, watch, serve, describe, count };
}
