import Type, { type Static } from 'typebox';
import { OWNER_PATTERN } from './owner.ts';
import { Instant, orNull } from './schema.ts';

/** Why a keepAlive failed, with what Microsoft support asks for. */
export const CallErrorSchema = Type.Object({
  at: Instant,
  /** HTTP status; null if no answer came. */
  status: orNull(Type.Number()),
  /** Graph's `error.code`, or ours for what is not Graph's: `token`, `timeout`, `ECONNRESET`… */
  code: orNull(Type.String()),
  message: Type.String(),
  /** Graph's `request-id`. */
  requestId: orNull(Type.String()),
  /** The `client-request-id` that we sent. */
  clientRequestId: orNull(Type.String()),
  /** Graph's `x-ms-ags-diagnostic`. */
  diagnostic: orNull(Type.String()),
  /** Graph's `Date` header, verbatim. */
  date: orNull(Type.String()),
});

export const ResultInfoSchema = Type.Object({
  code: Type.Number(),
  subcode: orNull(Type.Number()),
  message: Type.String(),
});

/**
 * The fields that a bot sets, besides the app and the tenant. A field that a request does not name
 * stays as it was, and null resets it. A new one is added at the end: see `RecordSchema`.
 */
const BOT_FIELDS = {
  /** When the call began at Graph, if the bot said so. */
  startedAt: orNull(Instant),
  /** Tracking stops by itself then. */
  trackUntil: orNull(Instant),
  labels: Type.Record(Type.String(), Type.String()),
  webhookUrl: orNull(Type.String()),
  /** Name of the bot instance that the call belongs to; see owner.ts. */
  owner: orNull(Type.String({ pattern: OWNER_PATTERN })),
};

export type BotField = keyof typeof BOT_FIELDS;
export const BOT_FIELD_NAMES = Object.keys(BOT_FIELDS) as readonly BotField[];

/** The last time that the bot asked for the call to be kept alive. */
export const TrackingSchema = Type.Object({
  /** Greater, as text, than the generations of all earlier trackings and stops of the call. */
  generation: Type.String(),
  app: Type.String({ pattern: '^[^\\n]*$' }),
  tenantId: Type.String(),
  /** Neither the bot nor Graph has named a tenant: `tenantId` is the app's own. */
  tenantIsDefault: Type.Boolean(),
  trackedAt: Instant,
  ...BOT_FIELDS,
});

/** The call is to be kept alive no longer. */
export const StopSchema = Type.Object({
  /** Stops every tracking up to this generation. */
  generation: Type.String(),
  at: Instant,
  reason: Type.Enum(['request', 'notification', 'track-until', 'owner-lost']),
  resultInfo: orNull(ResultInfoSchema),
});

/** Graph's 404: the call is over. */
export const EndingSchema = Type.Object({
  /** The generation of the tracking that was attempted: it ends no later one. */
  generation: Type.String(),
  /** When the request that Graph answered was sent: a renewal sent later proves it wrong. */
  sentAt: Instant,
  at: Instant,
  error: CallErrorSchema,
});

export const ExpirySchema = Type.Object({
  generation: Type.String(),
  /** The last renewal at that time, 0 if none. A later one, by any replica, undoes the expiry. */
  renewedAt: Instant,
  at: Instant,
});

/** The last attempt that failed. */
export const FailureSchema = Type.Object({
  /** When the attempt was made: a renewal sent later means that the call has recovered. */
  at: Instant,
  /** Failures in a row, this one included. */
  count: Type.Number(),
  retryAt: Instant,
  atRiskAt: orNull(Instant),
  error: CallErrorSchema,
});

/**
 * Everything that anybody knows about one call. A removed call is the same record in another state,
 * and the stop of an unknown call is a record too, so absence says nothing.
 *
 * A part is replaced by a later one and never taken back. So any two records of a call can be
 * merged, in any order: see merge.ts. Once a version is released, add a field at the end of its
 * part and raise the version in store/record-codec.ts; otherwise an older replica that writes the
 * record would drop the field.
 */
export const RecordSchema = Type.Object({
  tracking: orNull(TrackingSchema),
  /**
   * The last stop for each app, and under `*` the last one for all apps. A stop of an unknown call
   * cannot name its app, and the client may be limited to some apps.
   */
  stops: Type.Record(Type.String(), StopSchema),
  ending: orNull(EndingSchema),
  expiry: orNull(ExpirySchema),
  /** When the last successful keepAlive was *sent*: Graph may count from then. */
  renewedAt: orNull(Instant),
  failure: orNull(FailureSchema),
});

export type CallError = Readonly<Static<typeof CallErrorSchema>>;
/** Why a call fails, without the evidence for Microsoft support. */
export type Reason = Pick<CallError, 'status' | 'code' | 'message'>;
export type ResultInfo = Readonly<Static<typeof ResultInfoSchema>>;
export type Tracking = Readonly<Static<typeof TrackingSchema>>;
export type Stop = Readonly<Static<typeof StopSchema>>;
export type Failure = Readonly<Static<typeof FailureSchema>>;
export type CallRecord = { readonly id: string } & Readonly<Static<typeof RecordSchema>>;

export const ALL_APPS = '*';

export type RemovedState = 'ended' | 'expired' | 'untracked';

export interface Removed {
  readonly state: RemovedState;
  readonly at: number;
}

export function emptyRecord(id: string): CallRecord {
  return {
    id,
    tracking: null,
    stops: {},
    ending: null,
    expiry: null,
    renewedAt: null,
    failure: null,
  };
}

/**
 * How a call was removed; null while it is tracked. If several reasons hold, the earliest
 * counts: a bot that stops a call which Graph has ended says nothing new.
 */
export function removedOf(record: CallRecord): Removed | null {
  const { tracking, stops, ending, expiry } = record;
  const generation = tracking?.generation ?? '';
  const renewedAt = renewalOf(record) ?? 0;
  const reasons: Removed[] = [];
  // Nobody is known to have tracked it: every stop counts, and the record is not on the wheel.
  const counting = tracking ? [stops[ALL_APPS], stops[tracking.app]] : Object.values(stops);
  for (const stop of counting) {
    if (stop && stop.generation >= generation) reasons.push({ state: 'untracked', at: stop.at });
  }
  if (ending?.generation === generation && ending.sentAt >= renewedAt) {
    reasons.push({ state: 'ended', at: ending.at });
  }
  if (expiry?.generation === generation && expiry.renewedAt >= renewedAt) {
    reasons.push({ state: 'expired', at: expiry.at });
  }
  if (reasons.length === 0) return null;
  return reasons.reduce((first, next) => (next.at < first.at ? next : first));
}

/** null for a call that nobody is known to have tracked. */
export function stateOf(record: CallRecord): 'tracked' | RemovedState | null {
  if (record.tracking === null) return null;
  return removedOf(record)?.state ?? 'tracked';
}

/** The parts of a record that decide which instants count. */
interface Attempts<F extends { readonly at: number }> {
  readonly tracking: Pick<Tracking, 'trackedAt'> | null;
  readonly renewedAt: number | null;
  readonly failure: F | null;
}

/** The renewal that counts: one from before this tracking belongs to an earlier one. */
export function renewalOf({
  tracking,
  renewedAt,
}: Omit<Attempts<Failure>, 'failure'>): number | null {
  if (renewedAt === null || tracking === null || renewedAt < tracking.trackedAt) return null;
  return renewedAt;
}

/** The failure that counts: the call has not been renewed since, nor tracked afresh. */
export function failureOf<F extends { readonly at: number }>(record: Attempts<F>): F | null {
  const { tracking, failure } = record;
  if (failure === null || tracking === null || failure.at < tracking.trackedAt) return null;
  return failure.at > (renewalOf(record) ?? 0) ? failure : null;
}
