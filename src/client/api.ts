// Generated from config/openapi.json by `npm run openapi`. Change the routes instead.

export interface Attempt {
  /** When its outcome was known. RFC 3339, UTC, ms. */
  readonly at: string;
  readonly outcome: AttemptOutcome;
  /** HTTP status; null for a success, and if no answer came. */
  readonly status: number | null;
  /** As in `lastError` of a call. */
  readonly code: string | null;
  /** From its sending to its outcome, in ms; null if nothing was sent. */
  readonly durationMs: number | null;
}

export type AttemptOutcome = 'renewed' | 'ended' | 'throttled' | 'refused' | 'failed';

/** What this replica knows. */
export interface Attempts {
  /** The replica that answers. */
  readonly replica: string;
  readonly attempts: readonly Attempt[];
}

/** A call that is tracked, or was within the last 24 hours. */
export interface Call {
  /** Graph's id of the call; a GUID is in lower case. */
  readonly id: string;
  readonly state: CallState;
  /** False if Redis is out and does not know the call as it is here; it may lack the last renewals and failures. */
  readonly durable: boolean;
  /** The configured app whose credentials keep the call alive. */
  readonly app: string;
  readonly tenantId: string;
  /** Since when it is tracked; a repeat does not change it. RFC 3339, UTC, ms. */
  readonly trackedAt: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where the events of this call are posted, if the bot set it. */
  readonly webhookUrl: string | null;
  /** The bot instance that the call belongs to, if the bot named one. */
  readonly owner: string | null;
  /** When the call began at Graph, if the bot said so. RFC 3339, UTC, ms. */
  readonly startedAt: string | null;
  /** Callkeeper stops tracking the call then. RFC 3339, UTC, ms. */
  readonly trackUntil: string | null;
  /** When the last successful keepAlive was sent. RFC 3339, UTC, ms. */
  readonly renewedAt: string | null;
  /** The next planned keepAlive; null once the call is removed. RFC 3339, UTC, ms. */
  readonly dueAt: string | null;
  /** Graph ends the call then unless a keepAlive succeeds before. RFC 3339, UTC, ms. */
  readonly deadlineAt: string;
  readonly resultInfo?: ResultInfo | undefined;
  /** What stopped an untracked call: a request, a notification from Graph, its `trackUntil`, or the loss of its owner, which did not renew its lease. Null for a call that ended or expired; absent while the call is tracked. */
  readonly reason?: RemovalReason | null | undefined;
  /** When the call was removed from the schedule; absent while it is tracked. RFC 3339, UTC, ms. */
  readonly goneAt?: string | undefined;
  /** True if Graph ended it without ever having accepted a keepAlive: the id, the tenant or the cloud is wrong, or the call was over before it was tracked. Absent otherwise. */
  readonly neverRenewed?: boolean | undefined;
  readonly consecutiveFailures: number;
  /** Since when the call has failed with under a third of its deadline left; null if it does not. RFC 3339, UTC, ms. */
  readonly atRiskAt: string | null;
  readonly lastError: LastError | null;
}

/** One page, in no particular order. */
export interface CallPage {
  readonly calls: readonly Call[];
  /** The `cursor` of the next page; null on the last one. */
  readonly next: string | null;
}

/** tracked: on the schedule. ended: Graph said so (404, code 8522). expired: the deadline passed without a success. untracked: it was stopped; `reason` says why. */
export type CallState = 'tracked' | 'ended' | 'expired' | 'untracked';

/** The body as Graph sent it; further members are ignored. */
export interface CommsNotifications {
  /** Objects of type `#microsoft.graph.commsNotification`. */
  readonly value: readonly unknown[];
  readonly [member: string]: unknown;
}

export interface DropOwnerAnswer {
  /** How many calls were tracked until now. */
  readonly stopped: number;
  /** Only while Redis is out. */
  readonly durable?: false | undefined;
}

export interface DropOwnerQuery {
  /** Name of a configured app. */
  readonly app?: string | undefined;
}

/** An event about a call or an owner, with the `call` or the `owner` as it was then. */
export interface Event {
  /** The event's name: the call or owner, its generation and what happened. A repeat has the same id, even after Redis lost its data. Compare it, do not parse it. */
  readonly id: string;
  readonly type: EventType;
  /** When it was first published. RFC 3339, UTC, ms. */
  readonly timestamp: string;
  readonly call?: Call | undefined;
  readonly owner?: Owner | undefined;
}

export type EventType = 'call.tracked' | 'call.ended' | 'call.expired' | 'call.untracked' | 'call.at-risk' | 'call.recovered' | 'owner.lapsed' | 'owner.renewed';

export interface FailureCause {
  readonly app: string;
  readonly tenantId: string;
  /** HTTP status of the answer; null if none came. */
  readonly status: number | null;
  /** As in `lastError` of a call. */
  readonly code: string | null;
  /** The message of the latest failure. */
  readonly message: string;
  /** How many calls fail in this way. */
  readonly calls: number;
  /** When the first of these calls began to fail. RFC 3339, UTC, ms. */
  readonly since: string;
  /** The nearest deadline of these calls. RFC 3339, UTC, ms. */
  readonly firstLossAt: string;
  /** What to do about it. */
  readonly todo: string;
}

export interface Fault {
  /** JSON pointer (RFC 6901) into the body. */
  readonly pointer?: string | undefined;
  /** Name of a path or query parameter. */
  readonly parameter?: string | undefined;
  readonly detail: string;
}

export interface GetOwnerQuery {
  /** Name of a configured app. */
  readonly app?: string | undefined;
}

/** KeepAlives by outcome, of all replicas; the last column is not complete yet. */
export interface History {
  /** How long a column lasts, in ms. */
  readonly stepMs: number;
  /** The last deadline, the oldest first. */
  readonly columns: readonly HistoryColumn[];
}

export interface HistoryColumn {
  /** When it begins. RFC 3339, UTC, ms. */
  readonly at: string;
  /** KeepAlives that succeeded. */
  readonly renewed: number;
  /** Graph throttled it. */
  readonly throttled: number;
  /** 403, or Entra does not know the tenant. */
  readonly refused: number;
  /** Every other failure. */
  readonly failed: number;
  /** Graph said that the call is over. */
  readonly ended: number;
  /** Calls that were lost. */
  readonly lost: number;
}

export interface Incident {
  readonly kind: IncidentKind;
  /** When it began. RFC 3339, UTC, ms. */
  readonly from: string;
  /** When it ended; null if it still lasts. RFC 3339, UTC, ms. */
  readonly until: string | null;
  /** What happened, without times. */
  readonly text: string;
}

/** lost: calls were lost. unknown: Graph did not know calls. failing: calls kept failing. redis: Redis was out. replica: one went away without being stopped. */
export type IncidentKind = 'lost' | 'unknown' | 'failing' | 'redis' | 'replica';

/** Graph renewed the call. */
export interface KeepAliveAnswer {
  readonly outcome: 'renewed';
  readonly call: Call;
}

export type KeepAliveFailure = 'ended' | 'throttled' | 'refused' | 'failed';

/** A failed keepAlive. If Graph says that the call has ended, it has the `call`; otherwise it has `lastError`. */
export interface KeepAliveProblem {
  /** Names the kind of problem; stable. */
  readonly type: string;
  /** What this kind of problem is. */
  readonly title: string;
  readonly status: number;
  /** What went wrong this time. */
  readonly detail: string;
  /** For invalid-request: each fault and its place. */
  readonly errors?: readonly Fault[] | undefined;
  readonly outcome?: KeepAliveFailure | undefined;
  readonly call?: Call | undefined;
  readonly lastError?: LastError | undefined;
}

/** Why the last keepAlive failed. */
export interface LastError {
  /** When the attempt failed. RFC 3339, UTC, ms. */
  readonly at: string;
  /** HTTP status of the answer; null if none came. */
  readonly status: number | null;
  /** Graph's `error.code`, or our own (`foreign`: something other than Graph answered; `token`, `timeout`, `ECONNRESET`…). */
  readonly code: string | null;
  readonly message: string;
  /** Graph's `request-id`: what Microsoft support asks for. */
  readonly requestId: string | null;
  /** The `client-request-id` that was sent. */
  readonly clientRequestId: string | null;
  /** Graph's `x-ms-ags-diagnostic`. */
  readonly diagnostic: string | null;
  /** Graph's `Date` header, unchanged. */
  readonly date: string | null;
}

export interface LeaseBody {
  /** How long the lease runs without another renewal. Renew it three times in that time, so that one request may fail. */
  readonly leaseSeconds?: number | undefined;
  /** The app of the owner and its calls; the default app if absent. */
  readonly app?: string | undefined;
}

export interface ListCallsQuery {
  /** tracked: on the schedule. ended: Graph said so (404, code 8522). expired: the deadline passed without a success. untracked: it was stopped; `reason` says why. */
  readonly state?: CallState | undefined;
  /** Name of a configured app. */
  readonly app?: string | undefined;
  /** Name of the bot instance that the call belongs to: 1 to 128 of the characters A-Z a-z 0-9 . _ : -, but not `.` or `..`. */
  readonly owner?: string | undefined;
  /** `key`, or `key=value`; may be repeated, all must hold. */
  readonly label?: readonly string[] | undefined;
  /** The most calls on the page. */
  readonly limit?: number | undefined;
  /** The `next` of the previous page. */
  readonly cursor?: string | undefined;
}

export interface ListOwnersQuery {
  /** Name of a configured app. */
  readonly app?: string | undefined;
  /** none: it has no lease; its calls are kept alive. active: its lease runs. lapsed: its lease ran out; its calls are stopped at `stopsAt` unless it renews the lease before. lost: its calls were stopped. */
  readonly state?: OwnerState | undefined;
  /** The most owners on the page. */
  readonly limit?: number | undefined;
  /** The `next` of the previous page. */
  readonly cursor?: string | undefined;
}

/** It is alive. */
export interface Liveness {
  readonly status: 'alive';
}

/** Accepted; while Redis is out, by this replica alone. */
export interface NotifyAnswer {
  /** Calls that are tracked from now on. */
  readonly tracked: number;
  /** Calls whose tenant is now the one that Graph names. */
  readonly updated: number;
  /** Calls that were tracked and are not any more. */
  readonly stopped: number;
  /** Notifications that changed nothing: already known, not about a call itself, or from a tenant or app other than the call's. */
  readonly ignored: number;
}

export interface NotifyQuery {
  /** Name of a configured app. */
  readonly app?: string | undefined;
}

/** The state of all calls that the key may see. */
export interface Overview {
  /** When the replica answered, by its clock. RFC 3339, UTC, ms. */
  readonly at: string;
  /** When the calls were counted, a second or so before. RFC 3339, UTC, ms. */
  readonly countedAt: string;
  /** Of the replica that answers. */
  readonly version: string;
  /** Between two keepAlives of a call. In ms. */
  readonly intervalMs: number;
  /** Graph ends a call after this time without a success. In ms. */
  readonly deadlineMs: number;
  /** Calls on the schedule. */
  readonly tracked: number;
  /** Tracked calls with a failure since their last success. */
  readonly failing: number;
  /** Tracked calls with less than a third of the deadline left. */
  readonly atRisk: number;
  /** Time left for the call nearest to its deadline, in ms; null: no call. */
  readonly minMarginMs: number | null;
  /** How many calls have how much time left: the deadline is cut into equal parts, and each number counts the calls in one part, the least time left first. Calls past their deadline count in the first part. */
  readonly margins: readonly number[];
  /** The calls nearest to their deadlines, in order. */
  readonly nearest: readonly Call[];
  /** The failing calls nearest to their deadlines, in order. */
  readonly nearestFailing: readonly Call[];
  readonly slots: OverviewSlots;
  /** What is wrong, and what was lost within the last 24 hours, the worst first; empty if all is well. */
  readonly troubles: readonly Trouble[];
  /** Why calls fail: one entry per app, tenant, status and code; the one with the most calls first. */
  readonly causes: readonly FailureCause[];
  readonly history: History;
  /** What happened within the last 24 hours, the latest first. */
  readonly incidents: readonly Incident[];
  /** What the key may do. */
  readonly scopes: readonly Scope[];
  /** Why the replica that answers is not ready; empty if it is. */
  readonly unready: readonly string[];
  readonly redis: OverviewRedis;
  /** The live replicas, first the one that answers; while Redis is out only that one. */
  readonly replicas: readonly OverviewReplica[];
}

export interface OverviewRedis {
  /** False: this replica works from memory. */
  readonly up: boolean;
  /** Why it is not up; null if it is, or if the cause is unknown. */
  readonly cause: string | null;
  /** What to do about it; null if it is up, or if the cause is unknown. */
  readonly fix: string | null;
}

export interface OverviewReplica {
  readonly replica: string;
  /** Empty if it is unknown. */
  readonly version: string;
  /** Requests that it sent to Graph within the last interval. */
  readonly keepAlives: number;
}

/** One number per slot of the wheel. Intervals are counted from 1970; slot `i` of `n` has its turn when `i / n` of each interval has passed. */
export interface OverviewSlots {
  readonly tracked: readonly number[];
  readonly failing: readonly number[];
}

/** A bot instance that tracks calls, and its lease. */
export interface Owner {
  /** The name of the bot instance. */
  readonly owner: string;
  /** The app of its calls. A name belongs to one app. */
  readonly app: string;
  readonly state: OwnerState;
  /** How many tracked calls it has. */
  readonly tracked: number;
  /** When it last renewed its lease; null if it has none. RFC 3339, UTC, ms. */
  readonly renewedAt: string | null;
  /** How long the lease runs after a renewal; null if it has no lease. */
  readonly leaseSeconds: number | null;
  /** When the lease runs out, or ran out; null if it has none. Time in which no replica served does not count. RFC 3339, UTC, ms. */
  readonly leaseUntil: string | null;
  /** When its calls will be stopped unless it renews its lease, or were stopped; null: never. RFC 3339, UTC, ms. */
  readonly stopsAt: string | null;
}

/** One page. */
export interface OwnerPage {
  readonly owners: readonly Owner[];
  /** The `cursor` of the next page; null on the last one. */
  readonly next: string | null;
}

/** none: it has no lease; its calls are kept alive. active: its lease runs. lapsed: its lease ran out; its calls are stopped at `stopsAt` unless it renews the lease before. lost: its calls were stopped. */
export type OwnerState = 'none' | 'active' | 'lapsed' | 'lost';

/** An RFC 9457 problem document. Some kinds have further members. */
export interface Problem {
  /** Names the kind of problem; stable. */
  readonly type: string;
  /** What this kind of problem is. */
  readonly title: string;
  readonly status: number;
  /** What went wrong this time. */
  readonly detail: string;
  /** For invalid-request: each fault and its place. */
  readonly errors?: readonly Fault[] | undefined;
}

/** It is ready. */
export interface Readiness {
  readonly status: 'ready';
}

/** Why this replica is not ready, one reason each. */
export interface ReadinessProblem {
  /** Names the kind of problem; stable. */
  readonly type: string;
  /** What this kind of problem is. */
  readonly title: string;
  readonly status: number;
  /** What went wrong this time. */
  readonly detail: string;
  /** For invalid-request: each fault and its place. */
  readonly errors?: readonly Fault[] | undefined;
  readonly reasons?: readonly string[] | undefined;
}

export type RemovalReason = 'request' | 'notification' | 'track-until' | 'owner-lost';

export interface RenewOwnerQuery {
  /** Name of a configured app. */
  readonly app?: string | undefined;
}

/** Why Graph ended it, if a notification said so. */
export interface ResultInfo {
  readonly code: number;
  readonly subcode: number | null;
  readonly message: string;
}

export type Scope = 'read' | 'track' | 'admin';

/** critical: calls are being lost, or will be. notice: it is over. */
export type Severity = 'critical' | 'warning' | 'notice';

export interface StreamEventsQuery {
  /** Name of a configured app. */
  readonly app?: string | undefined;
  /** Graph's id of the call: 8 to 128 of A-Z a-z 0-9 - _. A GUID may come in any form; answers have it in lower case with hyphens. */
  readonly call?: string | undefined;
  /** `key`, or `key=value`; may be repeated, all must hold. */
  readonly label?: readonly string[] | undefined;
  /** The `id` of the last event that was received; the stream resumes after it. The header takes precedence. */
  readonly lastEventId?: string | undefined;
}

export interface TrackBatchBody {
  readonly calls: readonly TrackItem[];
}

/** All fields are optional. A missing field stays as it is, a given one replaces the old value, and null resets it to its default. */
export interface TrackBody {
  /** Name of a configured app. */
  readonly app?: string | null | undefined;
  /** GUID of the tenant that the call belongs to. By default the app's own, until a notification of Graph names one. */
  readonly tenantId?: string | null | undefined;
  /** When the call began, so that its first deadline is known. RFC 3339, of this century. */
  readonly startedAt?: string | null | undefined;
  /** Stop then, so that an orphan is not kept alive for ever. RFC 3339, of this century. */
  readonly trackUntil?: string | null | undefined;
  /** Up to 16 texts to find calls by; keys of 1 to 63, values of 0 to 256. Replaces all labels of the call. */
  readonly labels?: Readonly<Record<string, string>> | null | undefined;
  /** URL for the events of this call, instead of `WEBHOOK_URL`: https, to a host in `WEBHOOK_HOSTS`. */
  readonly webhookUrl?: string | null | undefined;
  /** Name of the bot instance that the call belongs to: 1 to 128 of the characters A-Z a-z 0-9 . _ : -, but not `.` or `..`. */
  readonly owner?: string | null | undefined;
}

export interface TrackCallQuery {
  /** true: answers after the first keepAlive, with its outcome in the call: `renewedAt` is set; or `lastError` says why not; or `state` is `ended` because Graph does not know the id. A call that was renewed before is answered at once. Takes 30 s at most. */
  readonly wait?: boolean | undefined;
}

/** One result per call, in order. */
export interface TrackCallsAnswer {
  readonly results: readonly TrackResult[];
}

/** A call to track, and its fields. */
export interface TrackItem {
  /** Graph's id of the call: 8 to 128 of A-Z a-z 0-9 - _. A GUID may come in any form; answers have it in lower case with hyphens. */
  readonly id: string;
  /** Name of a configured app. */
  readonly app?: string | null | undefined;
  /** GUID of the tenant that the call belongs to. By default the app's own, until a notification of Graph names one. */
  readonly tenantId?: string | null | undefined;
  /** When the call began, so that its first deadline is known. RFC 3339, of this century. */
  readonly startedAt?: string | null | undefined;
  /** Stop then, so that an orphan is not kept alive for ever. RFC 3339, of this century. */
  readonly trackUntil?: string | null | undefined;
  /** Up to 16 texts to find calls by; keys of 1 to 63, values of 0 to 256. Replaces all labels of the call. */
  readonly labels?: Readonly<Record<string, string>> | null | undefined;
  /** URL for the events of this call, instead of `WEBHOOK_URL`: https, to a host in `WEBHOOK_HOSTS`. */
  readonly webhookUrl?: string | null | undefined;
  /** Name of the bot instance that the call belongs to: 1 to 128 of the characters A-Z a-z 0-9 . _ : -, but not `.` or `..`. */
  readonly owner?: string | null | undefined;
}

/** The result for one call; `error` if it is refused. */
export interface TrackResult {
  /** The id in its canonical form; unchanged if it is not an id; null if it is not a string. */
  readonly id: string | null;
  /** What tracking this call alone would have answered: 200, 201, 202, 400 or 403. */
  readonly status: number;
  readonly call?: Call | undefined;
  readonly error?: Problem | undefined;
}

export interface Trouble {
  readonly kind: TroubleKind;
  readonly severity: Severity;
  /** What is wrong, with times as `13:55 UTC`. */
  readonly sentence: string;
  /** Since when; null if that is not known. RFC 3339, UTC, ms. */
  readonly since: string | null;
  /** How many calls it affects. */
  readonly calls: number;
  /** When the first of these calls is lost unless the trouble ends before; null if none is in danger. RFC 3339, UTC, ms. */
  readonly firstLossAt: string | null;
  /** What to do about it; null if there is nothing to do. */
  readonly todo: string | null;
  /** Its heading in docs/runbook.md, the name of an alert. */
  readonly runbook: string;
}

/** graph: Graph answers with errors. token: Entra issues none. network: no answer, or one that is not from Graph. callkeeper: a fault of its own. redis: Redis is out. lost: calls were lost. unknown: Graph did not know calls. replica: one went away. unready: the replica that answers is not ready. */
export type TroubleKind = 'graph' | 'token' | 'network' | 'callkeeper' | 'redis' | 'lost' | 'unknown' | 'replica' | 'unready';

export interface UntrackBatchBody {
  /** The ids of the calls. */
  readonly ids: readonly string[];
}

/** One result per call, in order. */
export interface UntrackCallsAnswer {
  readonly results: readonly UntrackResult[];
}

/** The result for one id; `error` if it is not an id. */
export interface UntrackResult {
  /** The id in its canonical form; unchanged if it is not an id; null if it is not a string. */
  readonly id: string | null;
  /** The status that `DELETE /calls/{id}/track` would have for this call: 202, 204 or 400. */
  readonly status: number;
  readonly error?: Problem | undefined;
}

/** The `type` of every problem that is documented with a route. */
export type ProblemType =
  | 'urn:callkeeper:problem:body-too-large'
  | 'urn:callkeeper:problem:call-ended'
  | 'urn:callkeeper:problem:call-not-found'
  | 'urn:callkeeper:problem:entra-keys-unavailable'
  | 'urn:callkeeper:problem:forbidden'
  | 'urn:callkeeper:problem:graph-keys-unavailable'
  | 'urn:callkeeper:problem:graph-token-refused'
  | 'urn:callkeeper:problem:internal-error'
  | 'urn:callkeeper:problem:invalid-json'
  | 'urn:callkeeper:problem:invalid-request'
  | 'urn:callkeeper:problem:keep-alive-failed'
  | 'urn:callkeeper:problem:malformed-request'
  | 'urn:callkeeper:problem:not-ready'
  | 'urn:callkeeper:problem:owner-not-found'
  | 'urn:callkeeper:problem:rate-limited'
  | 'urn:callkeeper:problem:store-unavailable'
  | 'urn:callkeeper:problem:too-many-owners'
  | 'urn:callkeeper:problem:too-many-streams'
  | 'urn:callkeeper:problem:unauthorized'
  | 'urn:callkeeper:problem:unsupported-media-type';
