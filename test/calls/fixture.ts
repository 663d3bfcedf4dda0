import type { Call, CallError, GoneCall } from '../../src/calls/call.ts';
import type { Notice, NoticeFate } from '../../src/calls/notice.ts';
import type { Outcome } from '../../src/calls/outcome.ts';
import type {
  CallStore,
  Change,
  Entry,
  KeepAliveSender,
  Observer,
  SettledClock,
  WriteResult,
} from '../../src/calls/ports.ts';
import { retryPolicy } from '../../src/calls/retry.ts';
import { Visitor } from '../../src/calls/visitor.ts';
import { slotOf, type Wheel } from '../../src/calls/wheel.ts';
import { Keeper } from '../../src/keeper/keeper.ts';
import type { Registries } from '../../src/keeper/registries.ts';

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
    registration: 'r1',
    trackedAt: NOW,
    startedAt: null,
    trackUntil: null,
    renewedAt: null,
    retryAt: null,
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
    ...over,
  };
}

export function aGoneCall(over: Partial<GoneCall> = {}): GoneCall {
  return { ...aCall(), removal: 'ended', goneAt: NOW, resultInfo: null, ...over };
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

/** The first ids that stand in a slot. */
export function idsIn(slot: number, count: number, wheel: Wheel = WHEEL): string[] {
  const ids: string[] = [];
  for (let i = 0; ids.length < count; i++) {
    const id = `call-${String(i).padStart(5, '0')}`;
    if (slotOf(id, wheel) === slot) ids.push(id);
  }
  return ids;
}

/** The nth of them. */
export function idIn(slot: number, nth = 0, wheel: Wheel = WHEEL): string {
  return idsIn(slot, nth + 1, wheel)[nth] ?? '';
}

export const NEVER = new AbortController().signal;

/** Time that passes only when the test says so. */
export class FakeClock implements SettledClock {
  /** How far `now` is ahead of the settled clock. */
  unsettledMs = 0;
  #now: number;
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();
  /** How long each sleep was to be. */
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

  /** Wakes whoever sleeps until then, each in its time. */
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

  /** Lets time pass, from one sleeper to the next, until the promise has settled. */
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

/** Lets all that is ready run. */
export async function idle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Answers as the test says, and writes down what it was asked. */
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

  /** Which calls have their token at hand; what becomes of those that have not. */
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

/** A registry in a Map, with a place to let things go wrong in. */
export class MemoryStore implements CallStore {
  readonly calls = new Map<string, Entry>();
  readonly gone = new Map<string, GoneCall>();
  readonly #wheel: Wheel;
  #versions = 0;
  /** Runs before each operation; what it throws the operation rejects with. */
  before: (op: 'read' | 'find' | 'write') => void | Promise<void> = () => undefined;
  /** Runs after each write: what it throws hides that the write was made. */
  afterWrite: () => void | Promise<void> = () => undefined;

  constructor(wheel: Wheel = WHEEL) {
    this.#wheel = wheel;
  }

  put(...calls: Call[]): void {
    for (const call of calls) this.calls.set(call.id, { call, version: `v${++this.#versions}` });
  }

  get(id: string): Call | null {
    return this.calls.get(id)?.call ?? null;
  }

  async readSlot(slot: number): Promise<Entry[]> {
    await this.before('read');
    return [...this.calls.values()].filter(({ call }) => slotOf(call.id, this.#wheel) === slot);
  }

  async find(ids: readonly string[]): Promise<(Entry | null)[]> {
    await this.before('find');
    return ids.map((id) => this.calls.get(id) ?? null);
  }

  async findGone(ids: readonly string[]): Promise<(GoneCall | null)[]> {
    return ids.map((id) => this.gone.get(id) ?? null);
  }

  async stopUnknown(tombstone: GoneCall): Promise<boolean> {
    if (this.calls.has(tombstone.id)) return false;
    this.gone.set(tombstone.id, tombstone);
    return true;
  }

  async readGone(slot: number): Promise<GoneCall[]> {
    return [...this.gone.values()].filter((gone) => slotOf(gone.id, this.#wheel) === slot);
  }

  async forgetGone(_slot: number, before: number): Promise<void> {
    for (const [id, { goneAt }] of this.gone) if (goneAt < before) this.gone.delete(id);
  }

  async write(changes: readonly Change[]): Promise<WriteResult[]> {
    await this.before('write');
    const results = changes.map((change) => this.#writeOne(change));
    await this.afterWrite();
    return results;
  }

  #writeOne(change: Change): WriteResult {
    if (change.expected === '') throw new Error("Redis takes '' for no call at all");
    const current = this.calls.get(change.id) ?? null;
    if ((current?.version ?? null) !== change.expected) return { done: false, current };
    if ('gone' in change) {
      this.calls.delete(change.id);
      this.gone.set(change.id, change.gone);
    } else {
      this.put(change.next);
      if (change.tell === 'tracked') this.gone.delete(change.id);
    }
    return { done: true, version: this.calls.get(change.id)?.version ?? null };
  }
}

/** Writes down what it is told. */
export class Told implements Observer {
  readonly trackings: { id: string; isNew: boolean }[] = [];
  readonly attempts: { id: string; kind: Outcome['kind'] }[] = [];
  readonly risks: string[] = [];
  readonly notifications: Readonly<Record<NoticeFate, number>>[] = [];
  readonly misdirections: { id: string; fate: NoticeFate }[] = [];
  readonly timeouts: string[] = [];
  readonly removals: { id: string; removal: GoneCall['removal'] }[] = [];

  tracked({ id }: Call, isNew: boolean): void {
    this.trackings.push({ id, isNew });
  }

  attempted({ id }: Call, { kind }: Outcome): void {
    this.attempts.push({ id, kind });
  }

  atRisk({ id }: Call): void {
    this.risks.push(id);
  }

  removed({ id, removal }: GoneCall): void {
    this.removals.push({ id, removal });
  }

  notified(counts: Readonly<Record<NoticeFate, number>>): void {
    this.notifications.push(counts);
  }

  misdirected({ id }: Notice, fate: NoticeFate): void {
    this.misdirections.push({ id, fate });
  }

  timedOut({ id }: GoneCall): void {
    this.timeouts.push(id);
  }
}

/** What a test may have otherwise. */
export interface WorldOptions {
  wheel?: Wheel;
  clock?: FakeClock;
  told?: Told;
  sender?: KeepAliveSender;
  places?: number;
  /** Of the local registry; by default there is no other one than the shared. */
  local?: CallStore;
  isLocal?: Registries['isLocal'];
  latest?: Registries['latest'];
}

/** A keeper and a visitor of a store in memory, and all around them. */
export function aWorld(over: WorldOptions = {}) {
  return aKeeperOf(new MemoryStore(over.wheel), over);
}

export function aKeeperOf<S extends CallStore>(store: S, over: WorldOptions = {}) {
  const { wheel = WHEEL, clock = new FakeClock(), told = new Told() } = over;
  const { places = 64, local = store } = over;
  const graph = new FakeGraph(clock);
  const memory = store instanceof MemoryStore ? store : null;
  const registries: Registries = {
    shared: { store, observer: told },
    local: { store: local, observer: told },
    isLocal: over.isLocal ?? (() => false),
    latest:
      over.latest ??
      (({ id }) => memory?.calls.get(id) ?? (memory?.gone.has(id) ? null : undefined)),
  };
  const common = { clock, wheel, deadlineMs: DEADLINE_MS, policy: POLICY, skewMs: SKEW_MS };
  const keeper = new Keeper({
    ...common,
    registries,
    sender: over.sender ?? graph,
    places,
    requestMs: 15 * SECOND,
    uptime: () => clock.now(),
    random: () => 0.5,
    bind: null,
  });
  const visitor = new Visitor({ ...common, store, keeper });
  /** Lets time pass until nothing is on its way any more; what is planned for later stays so. */
  const quiet = async () => {
    do await clock.advance(GATHER_MS);
    while (keeper.isBusy);
  };
  return { clock, store, graph, told, visitor, keeper, quiet };
}

/** About as long as a write waits for more outcomes. */
const GATHER_MS = 250;
