import { type Call, isUnknownToGraph, type RemovedCall } from '../calls/call.ts';
import { isKeepAliveTimeout } from '../calls/notice.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { Clock, Observer } from '../calls/ports.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { FailureCause } from './causes.ts';
import { type Cell, Cells, type Counted, STEPS } from './cells.ts';
import { type CurrentCall, FailingCalls, shortReason } from './failing-calls.ts';
import type { CallIncident, FailureIncident, RedisIncident } from './incidents.ts';
import { Outages } from './outages.ts';
import { type RecentAttempt, RecentAttempts } from './recent-attempts.ts';
import { isRepeat } from './repeats.ts';

/** A replica's report of its own work. It is stored in Redis, and every replica reads it. */
export interface ReplicaReport {
  readonly replica: string;
  readonly version: string;
  readonly startedAt: number;
  readonly at: number;
  /** When it was stopped in order; null if it runs or has died. */
  readonly stoppedAt: number | null;
  /** What happened in the last deadline, by step and app; the oldest first. */
  readonly cells: readonly Cell[];
  /** What was lost in the last day, and the outages of Redis; the oldest first. */
  readonly incidents: readonly (CallIncident | RedisIncident)[];
  /** Faults of the last day that kept calls failing; the oldest first. Older versions have none. */
  readonly outages?: readonly FailureIncident[] | undefined;
  /** Why calls fail now: those whose last keepAlive this replica made. */
  readonly causes: readonly FailureCause[];
  /** When the last successful keepAlive of each app was sent, epoch ms. */
  readonly successes: readonly (readonly [app: string, at: number])[];
}

export const INCIDENTS_MS = 24 * 60 * 60 * 1_000;
const MOST_INCIDENTS = 100;
/** Losses for the same reason are one incident if they are fewer steps than this apart. */
const SAME_INCIDENT_STEPS = 15;

export interface DiaryOptions {
  readonly replica: string;
  readonly version: string;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly clock: Pick<Clock, 'now'>;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Notes what happens to calls in this replica. From it the board shows the last deadline on a time
 * axis, and the losses and outages of the last day. Each replica stores
 * its page in Redis (store/diaries.ts), and history.ts adds up the pages of all replicas.
 */
export class Diary implements Observer {
  readonly #options: DiaryOptions;
  readonly #startedAt: number;
  readonly #stepMs: number;
  readonly #cells = new Cells();
  readonly #incidents: Writable<CallIncident | RedisIncident>[] = [];
  readonly #failing: FailingCalls;
  readonly #outages: Outages;
  readonly #recent = new RecentAttempts();
  #stoppedAt: number | null = null;

  constructor(options: DiaryOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#stepMs = options.deadlineMs / STEPS;
    this.#failing = new FailingCalls(options);
    this.#outages = new Outages({
      intervalMs: options.wheel.intervalMs,
      sameMs: SAME_INCIDENT_STEPS * this.#stepMs,
      most: MOST_INCIDENTS,
    });
  }

  /** Yields after some calls: there may be a hundred thousand. */
  countCauses(current: CurrentCall): Generator<void, FailureCause[]> {
    return this.#failing.countCauses(current);
  }

  /** @param causes the last result of {@link countCauses} */
  page(causes: readonly FailureCause[]): ReplicaReport {
    const now = this.#options.clock.now();
    this.#outages.note(causes, now);
    this.#forget(now);
    const { replica, version } = this.#options;
    return {
      replica,
      version,
      startedAt: this.#startedAt,
      at: now,
      stoppedAt: this.#stoppedAt,
      cells: this.#cells.all,
      incidents: [...this.#incidents],
      outages: this.#outages.all,
      causes,
      successes: [...this.#failing.successes],
    };
  }

  attemptsOf(id: string): readonly RecentAttempt[] {
    return this.#recent.of(id);
  }

  attempted(call: Call, outcome: Outcome): void {
    const { app } = call;
    const now = this.#options.clock.now();
    this.#failing.attempted(call, outcome, now);
    this.#recent.add(call.id, outcome, now);
    this.#count(app, outcome.kind);
    if (outcome.sentAt !== null) this.#count(app, 'sent');
  }

  removed(call: RemovedCall): void {
    const { app, state, resultInfo } = call;
    this.#failing.drop(call.id);
    if (state === 'expired' || isKeepAliveTimeout(resultInfo)) {
      this.#count(app, 'lost');
      this.#note('lost', call);
    } else if (isUnknownToGraph(call)) {
      this.#note('unknown', call);
    }
  }

  /**
   * Whether the removal was announced before, perhaps by another replica. It is announced again if
   * Redis loses its data and a replica writes the record back.
   */
  isRepeat({ removedAt }: RemovedCall): boolean {
    return isRepeat(removedAt, this.#incidents, this.#options.clock.now());
  }

  redisLost(cause: string | null): void {
    if (this.#outage()) return;
    this.#add({ kind: 'redis', from: this.#options.clock.now(), until: null, cause });
  }

  redisServes(): void {
    const outage = this.#outage();
    if (outage) outage.until = this.#options.clock.now();
  }

  stopped(): void {
    this.#stoppedAt = this.#options.clock.now();
  }

  // Not in a diary.
  tracked(): void {}
  atRisk(): void {}
  notified(): void {}
  misdirected(): void {}
  timedOut(): void {}

  #count(app: string, what: Counted): void {
    this.#cells.count(this.#stepAt(this.#options.clock.now()), app, what);
  }

  #stepAt(now: number): number {
    return Math.floor(now / this.#stepMs);
  }

  #note(kind: CallIncident['kind'], { app, lastError }: RemovedCall): void {
    const now = this.#options.clock.now();
    const error = lastError && kind === 'lost' ? shortReason(lastError) : null;
    const known = this.#incidents.findLast(
      (one): one is Writable<CallIncident> =>
        one.kind === kind &&
        one.app === app &&
        one.error?.status === error?.status &&
        one.error?.code === error?.code &&
        now - one.until < SAME_INCIDENT_STEPS * this.#stepMs,
    );
    if (known) Object.assign(known, { until: now, calls: known.calls + 1 });
    else this.#add({ kind, from: now, until: now, app, calls: 1, error });
  }

  #add(incident: CallIncident | RedisIncident): void {
    this.#incidents.push(incident);
    if (this.#incidents.length > MOST_INCIDENTS) this.#incidents.shift();
  }

  #outage(): Writable<RedisIncident> | undefined {
    return this.#incidents.find(
      (one): one is Writable<RedisIncident> => one.kind === 'redis' && one.until === null,
    );
  }

  #forget(now: number): void {
    this.#cells.forget(this.#stepAt(now));
    const isOver = ({ until }: CallIncident | FailureIncident | RedisIncident) =>
      until !== null && until < now - INCIDENTS_MS;
    while (this.#incidents[0] && isOver(this.#incidents[0])) this.#incidents.shift();
    this.#outages.forget(isOver);
  }
}
