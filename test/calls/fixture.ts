import {
  type Call,
  callOf,
  isRemoved,
  type RemovedCall,
  trackedCallOf,
} from '../../src/calls/call.ts';
import type { Notice, NoticeFate } from '../../src/calls/notice.ts';
import type { Outcome } from '../../src/calls/outcome.ts';
import type { KeepAliveSender, Observer, SettledClock } from '../../src/calls/ports.ts';
import { ALL_APPS, type CallError, type CallRecord, emptyRecord } from '../../src/calls/record.ts';
import { retryPolicy } from '../../src/calls/retry.ts';
import { Visitor } from '../../src/calls/visitor.ts';
import { slotOf, type Wheel } from '../../src/calls/wheel.ts';
import { Keeper } from '../../src/keeper/keeper.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { decodeRecord, encodeRecord } from '../../src/store/record-codec.ts';
import { CALLS } from '../../src/store/record-kind.ts';
import { Registry } from '../../src/store/registry.ts';
import { RegistrySlots } from '../../src/store/slots.ts';
import { FakeRedis } from './fake-redis.ts';

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const NOW = Date.UTC(2026, 1, 3, 4, 5, 6, 789);
export const TENANT = '11111111-1111-4111-8111-111111111111';
export const WHEEL: Wheel = { intervalMs: 15 * MINUTE, slots: 8 };
export const DEADLINE_MS = 45 * MINUTE;
export const POLICY = retryPolicy(WHEEL.intervalMs, DEADLINE_MS);
export const SKEW_MS = 1 * MINUTE;

export function aCall(over: Partial<Call> = {}): Call {
  return {
    id: 'call-0001',
    app: 'default',
    tenantId: TENANT,
    tenantIsDefault: true,
    labels: {},
    webhookUrl: null,
    owner: null,
    generation: 'r1',
    trackedAt: NOW,
    startedAt: null,
    trackUntil: null,
    renewedAt: null,
    failedAt: null,
    retryAt: null,
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
    ...over,
  };
}

export function aRemovedCall(over: Partial<RemovedCall> = {}): RemovedCall {
  return { ...aCall(), state: 'ended', removedAt: NOW, reason: null, resultInfo: null, ...over };
}

/** The record that `callOf` reads as this call. */
export function recordOf(call: Call | RemovedCall): CallRecord {
  const { id, generation, app, tenantId, tenantIsDefault, trackedAt } = call;
  const { startedAt, trackUntil, labels, webhookUrl, owner, renewedAt, consecutiveFailures } = call;
  const base = { app, tenantId, tenantIsDefault, trackedAt, startedAt, trackUntil };
  const failure =
    consecutiveFailures === 0
      ? null
      : {
          at: call.failedAt ?? Math.max(renewedAt ?? 0, trackedAt) + 1,
          count: consecutiveFailures,
          retryAt: call.retryAt ?? NOW,
          atRiskAt: call.atRiskAt,
          error: call.lastError ?? anError(),
        };
  const record = {
    ...emptyRecord(id),
    tracking: { generation, ...base, labels, webhookUrl, owner },
    renewedAt,
    failure,
  };
  if (!isRemoved(call)) return record;
  const { state, removedAt: at, reason, resultInfo } = call;
  const stop = { generation, at, reason: reason ?? ('request' as const), resultInfo };
  const stops = { [ALL_APPS]: stop };
  const error = call.lastError ?? anError({ status: 404, code: '8522' });
  switch (state) {
    case 'untracked':
      return { ...record, stops };
    case 'ended':
      return { ...record, ending: { generation, sentAt: at, at, error } };
    case 'expired':
      return { ...record, expiry: { generation, renewedAt: renewedAt ?? 0, at } };
  }
}

export function anError(over: Partial<CallError> = {}): CallError {
  return {
    at: NOW,
    status: 503,
    code: 'serviceUnavailable',
    message: 'Service is unavailable.',
    requestId: 'request-1',
    clientRequestId: 'client-1',
    diagnostic: null,
    date: null,
    ...over,
  };
}

export const renewed = (sentAt: number): Outcome => ({ kind: 'renewed', sentAt });
export const ended = (sentAt: number): Outcome => ({
  kind: 'ended',
  sentAt,
  error: anError({ status: 404, code: '8522', message: 'Call not found.' }),
});
export const throttled = (sentAt: number, retryAfterMs: number | null = null): Outcome => ({
  kind: 'throttled',
  sentAt,
  retryAfterMs,
  error: anError({ status: 429 }),
});
export const refused = (sentAt: number): Outcome => ({
  kind: 'refused',
  sentAt,
  error: anError({ status: 403 }),
});
export const failed = (sentAt: number | null): Outcome => ({
  kind: 'failed',
  sentAt,
  error: anError(),
});

/** The first ids of a slot. */
export function idsIn(slot: number, count: number, wheel: Wheel = WHEEL): string[] {
  const ids: string[] = [];
  for (let i = 0; ids.length < count; i++) {
    const id = `call-${String(i).padStart(5, '0')}`;
    if (slotOf(id, wheel) === slot) ids.push(id);
  }
  return ids;
}

/** The nth id of a slot. */
export function idIn(slot: number, nth = 0, wheel: Wheel = WHEEL): string {
  return idsIn(slot, nth + 1, wheel)[nth] ?? '';
}

export const NEVER = new AbortController().signal;

/** A clock that the test moves. */
export class FakeClock implements SettledClock {
  /** How far `now` is ahead of the settled clock. */
  unsettledMs = 0;
  #now: number;
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();
  /** The duration of each sleep. */
  readonly slept: number[] = [];

  constructor(now = NOW) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  settledNow(): number {
    return this.#now - this.unsettledMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    this.slept.push(ms);
    return new Promise((resolve) => {
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        resolve();
      });
    });
  }

  set(now: number): void {
    this.#now = now;
  }

  /** Sets the clock. Sleeps end by the time that passes, not by the clock. */
  step(ms: number): void {
    this.#now += ms;
    for (const sleeper of this.#sleepers) sleeper.at += ms;
  }

  /** Wakes each sleeper at its time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await idle();
      const next = this.#next();
      if (!next || next.at > until) break;
      this.#wake(next);
    }
    this.#now = until;
    await idle();
  }

  /** Lets time pass, from sleeper to sleeper, until the promise has settled. */
  async through<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    for (;;) {
      await idle();
      if (settled) return promise;
      const next = this.#next();
      if (next) this.#wake(next);
    }
  }

  #next() {
    return [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
  }

  #wake(sleeper: { at: number; wake: () => void }): void {
    this.#sleepers.delete(sleeper);
    this.#now = Math.max(this.#now, sleeper.at);
    sleeper.wake();
  }
}

/** Lets everything run that is ready. */
export async function idle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Answers as the test says, and records the requests. */
export class FakeGraph implements KeepAliveSender {
  readonly sent: { id: string; at: number; call: Call }[] = [];
  mostInFlight = 0;
  answer: (call: Call, sentAt: number) => Outcome | Promise<Outcome> = (_, at) => renewed(at);
  readonly #clock: SettledClock;
  #inFlight = 0;

  constructor(clock: SettledClock) {
    this.#clock = clock;
  }

  get ids(): string[] {
    return this.sent.map(({ id }) => id);
  }

  /** Which calls have their token; the others wait for it. */
  hasToken: (call: Call) => boolean = () => true;
  token: (call: Call, leftMs: number) => Promise<Outcome | null> = () => Promise.resolve(null);

  ready(call: Call): boolean {
    return this.hasToken(call);
  }

  prepare(call: Call, leftMs: number): Promise<Outcome | null> {
    return this.token(call, leftMs);
  }

  async send(call: Call): Promise<Outcome> {
    const at = this.#clock.now();
    this.sent.push({ id: call.id, at, call });
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight);
    try {
      return await this.answer(call, at);
    } finally {
      this.#inFlight--;
    }
  }
}

/** Records what it observes. */
export class Told implements Observer {
  readonly trackings: { id: string; isNew: boolean }[] = [];
  readonly attempts: { id: string; kind: Outcome['kind'] }[] = [];
  readonly risks: string[] = [];
  readonly notifications: Readonly<Record<NoticeFate, number>>[] = [];
  readonly misdirections: { id: string; fate: NoticeFate }[] = [];
  readonly timeouts: string[] = [];
  readonly removals: { id: string; removal: RemovedCall['state'] }[] = [];

  tracked({ id }: Call, isNew: boolean): void {
    this.trackings.push({ id, isNew });
  }

  attempted({ id }: Call, { kind }: Outcome): void {
    this.attempts.push({ id, kind });
  }

  atRisk({ id }: Call): void {
    this.risks.push(id);
  }

  removed({ id, state }: RemovedCall): void {
    this.removals.push({ id, removal: state });
  }

  notified(counts: Readonly<Record<NoticeFate, number>>): void {
    this.notifications.push(counts);
  }

  misdirected({ id }: Notice, fate: NoticeFate): void {
    this.misdirections.push({ id, fate });
  }

  timedOut({ id }: RemovedCall): void {
    this.timeouts.push(id);
  }
}

export interface WorldOptions {
  wheel?: Wheel;
  clock?: FakeClock;
  told?: Told;
  sender?: KeepAliveSender;
  places?: number;
  redis?: FakeRedis;
  random?: () => number;
}

/** A registry over a fake Redis; the test reads and writes there with `get` and `put`. */
export function aRegistry(over: WorldOptions = {}) {
  const { wheel = WHEEL, clock = new FakeClock(), told = new Told() } = over;
  const redis = over.redis ?? new FakeRedis(wheel);
  const { intervalMs } = wheel;
  const local = new LocalRegistry({
    kind: CALLS,
    slots: wheel.slots,
    skew: () => ({ now: clock.now(), skewMs: SKEW_MS, intervalMs }),
  });
  const unreadable: string[] = [];
  const registry = new Registry({
    kind: CALLS,
    local,
    shared: redis,
    isUp: () => true,
    now: () => clock.now(),
    isStale: () => false,
    onAnnounced: ({ type }, record) => {
      const call = callOf(record);
      if (call && isRemoved(call)) told.removed(call);
      else if (call && type === 'at-risk') told.atRisk(call);
    },
    onUnreadable: (id) => unreadable.push(id),
  });
  const slots = new RegistrySlots({
    registry,
    local,
    shared: redis,
    isUp: () => true,
    rememberMs: 2 * DEADLINE_MS,
    clock,
  });
  /** Writes calls to Redis, and to the local registry as the event feed does. */
  const put = (...calls: (Call | RemovedCall)[]) => {
    for (const call of calls) {
      redis.texts.set(call.id, encodeRecord(recordOf(call)));
      local.merge(recordOf(call));
    }
  };
  const inRedis = (id: string) => {
    const text = redis.texts.get(id);
    return text === undefined ? emptyRecord(id) : decodeRecord(id, text);
  };
  /** The call in Redis, if it is tracked. */
  const get = (id: string) => trackedCallOf(inRedis(id));
  /** The call in Redis, if it was removed. */
  const removed = (id: string) => {
    const call = callOf(inRedis(id));
    return call && isRemoved(call) ? call : null;
  };
  return { wheel, clock, told, redis, local, registry, slots, unreadable, put, get, removed };
}

export function idsOf(calls: readonly Pick<Call, 'id'>[]): string[] {
  return calls.map(({ id }) => id);
}

/** A keeper and a visitor over a fake Redis, and everything they need. */
export function aWorld(over: WorldOptions = {}) {
  const world = aRegistry(over);
  const { wheel, clock, told, registry, slots } = world;
  const graph = new FakeGraph(clock);
  const { intervalMs } = wheel;
  const { firstMs } = POLICY;
  const timings = { intervalMs, deadlineMs: DEADLINE_MS, skewMs: SKEW_MS, firstMs };
  const errors: object[] = [];
  const keeper = new Keeper({
    registry,
    slots,
    observer: told,
    clock,
    wheel,
    timings,
    policy: POLICY,
    sender: over.sender ?? graph,
    places: over.places ?? 64,
    requestMs: 15 * SECOND,
    staleMs: 5 * SECOND,
    uptime: () => clock.now(),
    random: over.random ?? (() => 0.5),
    bind: null,
    log: { error: (fields: object, msg?: string) => errors.push({ ...fields, msg }) },
  });
  const visitor = new Visitor({ slots, keeper, clock, wheel, timings });
  /** Lets time pass until nothing is in flight any more; planned keepAlives stay planned. */
  const quiet = async () => {
    do await clock.advance(GATHER_MS);
    while (keeper.isBusy);
  };
  return { ...world, graph, keeper, visitor, timings, quiet, errors };
}

/** About as long as a write waits for further outcomes. */
const GATHER_MS = 250;
