import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import type { Call, RemovedCall } from './calls/call.ts';
import { deadlineAt, dueAt } from './calls/deadline.ts';
import type { NoticeFate } from './calls/notice.ts';
import { countFates } from './calls/notified.ts';
import type { Outcome } from './calls/outcome.ts';
import type { Clock, Observer } from './calls/ports.ts';
import type { Wheel } from './calls/wheel.ts';
import type { GraphObserver, RequestOutcome } from './graph/graph.ts';
import type { Summary } from './store/census.ts';

export interface MetricsOptions {
  readonly version: string;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly summary: (now: number) => Promise<Summary>;
  readonly owners: () => { readonly owners: number; readonly lapsed: number };
  readonly storeUp: () => boolean;
  /** Whether this replica takes turns of the wheel. */
  readonly turning: () => boolean;
}

const SECOND = 1_000;
const LATENESS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const DURATION_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];
/** Of the deadline: a call renewed in time succeeds with two thirds of it left. */
const MARGIN_SHARES = [0, 0.05, 0.1, 0.2, 0.3, 1 / 3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 1];

/**
 * How often the event loop is looked at, ms; this is in its lag, too. As the library has it (10 and
 * 100), it would be most of what a replica without calls costs.
 */
const EVENT_LOOP = { eventLoopMonitoringPrecision: 50, eventLoopUtilizationTimeout: 1_000 };

/** The metrics that the contract names, in a registry of this replica's own. */
export class Metrics implements Observer, GraphObserver {
  readonly registry = new Registry();
  readonly #options: MetricsOptions;
  readonly #keepAlives;
  readonly #duration;
  readonly #lateness;
  readonly #margin;
  readonly #removed;
  readonly #tokens;
  readonly #repaired;
  readonly #unreadable;
  readonly #missed;
  readonly #replaced;
  readonly #writtenBack;
  readonly #appsReloads;
  readonly #accessReloads;
  readonly #reloaded;
  readonly #answers;
  readonly #denied;
  readonly #connectionsDropped;
  readonly #notifications;
  readonly #timedOut;
  readonly #deliveries;

  constructor(options: MetricsOptions) {
    this.#options = options;
    const registers = [this.registry];
    this.#keepAlives = new Counter({
      name: 'callkeeper_keepalives_total',
      help: 'KeepAlive requests sent to Graph, by what came of them.',
      labelNames: ['outcome'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'callkeeper_keepalive_duration_seconds',
      help: 'From sending a keepAlive request to the end of its answer.',
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#lateness = new Histogram({
      name: 'callkeeper_lateness_seconds',
      help: 'From the instant a keepAlive was due to its first request.',
      buckets: LATENESS_BUCKETS,
      registers,
    });
    this.#margin = new Histogram({
      name: 'callkeeper_deadline_margin_seconds',
      help: 'What was left before the deadline when a keepAlive succeeded.',
      buckets: MARGIN_SHARES.map((share) => (share * options.deadlineMs) / SECOND),
      registers,
    });
    this.#removed = new Counter({
      name: 'callkeeper_calls_removed_total',
      help: 'Calls that this replica took off the schedule.',
      labelNames: ['reason'],
      registers,
    });
    this.#tokens = new Counter({
      name: 'callkeeper_token_requests_total',
      help: 'Requests for an access token.',
      labelNames: ['outcome'],
      registers,
    });
    this.#repaired = new Counter({
      name: 'callkeeper_schedulers_repaired_total',
      help: 'Schedulers of slots that were put right, by what was wrong with them.',
      labelNames: ['ailment'],
      registers,
    });
    this.#unreadable = new Counter({
      name: 'callkeeper_unreadable_values_total',
      help: 'Values in Redis that are not as this version writes them; they were skipped.',
      registers,
    });
    this.#missed = new Counter({
      name: 'callkeeper_missed_turns_total',
      help: 'Slots that nobody had visited in their turn, and the watch of this replica did.',
      registers,
    });
    this.#replaced = new Counter({
      name: 'callkeeper_workers_replaced_total',
      help: 'BullMQ workers that took no jobs though there were some.',
      registers,
    });
    this.#writtenBack = new Counter({
      name: 'callkeeper_calls_written_back_total',
      help: 'Calls that Redis had lost, or not yet heard of, and this replica wrote back.',
      registers,
    });
    this.#notifications = new Counter({
      name: 'callkeeper_notifications_total',
      help: "Graph's notifications that bots passed on, by what came of them.",
      labelNames: ['outcome'],
      registers,
    });
    this.#timedOut = new Counter({
      name: 'callkeeper_graph_timeouts_total',
      help: 'Calls that by its notification Graph ended for want of a keepAlive (408, subcode 8537).',
      registers,
    });
    this.#appsReloads = new Counter({
      name: 'callkeeper_apps_reloads_total',
      help: 'Readings of APPS_FILE after the start; after a failure the apps stayed as they were.',
      labelNames: ['outcome'],
      registers,
    });
    this.#accessReloads = new Counter({
      name: 'callkeeper_access_reloads_total',
      help: 'Readings of ACCESS_FILE after the start; after a failure the keys stayed as they were.',
      labelNames: ['outcome'],
      registers,
    });
    this.#reloaded = new Gauge({
      name: 'callkeeper_reload_successful',
      help: 'Whether what was last read of APPS_FILE, ACCESS_FILE or REDIS_URL_FILE is in use; 0: it is faulty.',
      labelNames: ['file'],
      registers,
    });
    this.#answers = new Counter({
      name: 'callkeeper_http_requests_total',
      help: 'Requests to the API that were answered, by the first digit of the status.',
      labelNames: ['status'],
      registers,
    });
    this.#denied = new Counter({
      name: 'callkeeper_requests_denied_total',
      help: 'Requests to the API that were not let in, by why.',
      labelNames: ['reason'],
      registers,
    });
    this.#connectionsDropped = new Counter({
      name: 'callkeeper_connections_dropped_total',
      help: 'Connections that were closed because there were too many, by which limit was reached.',
      labelNames: ['reason'],
      registers,
    });
    this.#deliveries = new Counter({
      name: 'callkeeper_webhook_deliveries_total',
      help: 'Attempts to tell a webhook, and events that were given up, by what came of them.',
      labelNames: ['outcome'],
      registers,
    });
    this.#startAtZero();
    this.#addGauges();
    collectDefaultMetrics({ register: this.registry, ...EVENT_LOOP });
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  render(): Promise<string> {
    return this.registry.metrics();
  }

  tracked(): void {}

  atRisk(): void {}

  attempted(call: Call, outcome: Outcome): void {
    const { wheel, deadlineMs, clock } = this.#options;
    // One that was asked for ahead of its turn says nothing of how late turns are.
    const lateMs = (outcome.sentAt ?? Number.NEGATIVE_INFINITY) - dueAt(call, wheel);
    if (lateMs >= 0 && call.consecutiveFailures === 0) this.#lateness.observe(lateMs / SECOND);
    if (outcome.kind === 'renewed') {
      this.#margin.observe((deadlineAt(call, deadlineMs) - clock.now()) / SECOND);
    }
  }

  removed(call: RemovedCall): void {
    // Counted separately, because the bot did not ask for it.
    this.#removed.inc({ reason: call.reason === 'owner-lost' ? 'owner-lost' : call.state });
  }

  notified(counts: Readonly<Record<NoticeFate, number>>): void {
    for (const [outcome, count] of Object.entries(counts)) {
      this.#notifications.inc({ outcome }, count);
    }
  }

  misdirected(): void {}

  timedOut(): void {
    this.#timedOut.inc();
  }

  requestDone(outcome: RequestOutcome, durationMs: number): void {
    this.#keepAlives.inc({ outcome });
    this.#duration.observe(durationMs / SECOND);
  }

  tokenRequested(outcome: 'success' | 'failure'): void {
    this.#tokens.inc({ outcome });
  }

  appsReloaded(outcome: 'success' | 'failure'): void {
    this.#appsReloads.inc({ outcome });
    this.#reloaded.set({ file: 'apps' }, Number(outcome === 'success'));
  }

  accessReloaded(outcome: 'success' | 'failure'): void {
    this.#accessReloads.inc({ outcome });
    this.#reloaded.set({ file: 'access' }, Number(outcome === 'success'));
  }

  redisUrlReloaded(outcome: 'success' | 'failure'): void {
    this.#reloaded.set({ file: 'redis-url' }, Number(outcome === 'success'));
  }

  answered(status: number): void {
    this.#answers.inc({ status: `${Math.floor(status / 100)}xx` });
  }

  requestDenied(reason: string): void {
    this.#denied.inc({ reason });
  }

  connectionDropped(reason: string): void {
    this.#connectionsDropped.inc({ reason });
  }

  schedulerRepaired(ailment: string): void {
    this.#repaired.inc({ ailment });
  }

  missedTurn(): void {
    this.#missed.inc();
  }

  workerReplaced(): void {
    this.#replaced.inc();
  }

  callsWrittenBack(count: number): void {
    this.#writtenBack.inc(count);
  }

  webhookAttempted(outcome: string): void {
    this.#deliveries.inc({ outcome });
  }

  unreadableValue(): void {
    this.#unreadable.inc();
  }

  /** A counter that is absent until its first event hides that event from `rate`. */
  #startAtZero(): void {
    const outcomes = [
      'renewed',
      'ended',
      'throttled',
      'refused',
      'unauthorized',
      'not_found',
      'foreign',
      'failed',
    ] as const;
    for (const outcome of outcomes) this.#keepAlives.inc({ outcome }, 0);
    for (const reason of ['ended', 'expired', 'untracked', 'owner-lost'])
      this.#removed.inc({ reason }, 0);
    this.notified(countFates([], 0));
    for (const outcome of ['success', 'failure']) {
      this.#tokens.inc({ outcome }, 0);
      this.#appsReloads.inc({ outcome }, 0);
      this.#accessReloads.inc({ outcome }, 0);
    }
    // At the start a faulty one is refused.
    for (const file of ['apps', 'access', 'redis-url']) this.#reloaded.set({ file }, 1);
    for (const outcome of ['delivered', 'failed', 'gone', 'refused', 'given_up']) {
      this.#deliveries.inc({ outcome }, 0);
    }
    for (const status of ['2xx', '4xx', '5xx']) this.#answers.inc({ status }, 0);
    for (const reason of ['unauthorized', 'forbidden', 'rate-limited', 'unverifiable']) {
      this.#denied.inc({ reason }, 0);
    }
    for (const reason of ['address', 'anonymous', 'full', 'pipelined']) {
      this.#connectionsDropped.inc({ reason }, 0);
    }
    const ailments = ['missing', 'overdue', 'ahead', 'out-of-phase'];
    for (const ailment of ailments) this.#repaired.inc({ ailment }, 0);
  }

  #addGauges(): void {
    const { clock, summary, owners, storeUp, turning, version, wheel, deadlineMs } = this.#options;
    const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          this.set(await read());
        },
      });
    let counting: Promise<Summary> | null = null;
    /** Once for all gauges of a scrape. */
    const count = () => {
      counting ??= summary(clock.now()).finally(() => {
        counting = null;
      });
      return counting;
    };
    gauge(
      'callkeeper_tracked_calls',
      'Calls on the schedule, of all replicas together.',
      async () => (await count()).tracked,
    );
    gauge(
      'callkeeper_calls_failing',
      'Calls whose last keepAlive failed.',
      async () => (await count()).failing,
    );
    gauge(
      'callkeeper_calls_at_risk',
      'Calls with under a third of the deadline left.',
      async () => (await count()).atRisk,
    );
    gauge(
      'callkeeper_min_margin_seconds',
      'What is left before the deadline of the call nearest to it; the whole deadline where there is none.',
      async () => {
        const { nearestDeadlineAt: nearest } = await count();
        return (nearest === null ? deadlineMs : nearest - clock.now()) / SECOND;
      },
    );
    gauge(
      'callkeeper_owners',
      'Owners that have a lease, as this replica knows them.',
      () => owners().owners,
    );
    gauge(
      'callkeeper_owners_lapsed',
      'Owners whose lease ran out and whose calls are stopped at the end of the grace.',
      () => owners().lapsed,
    );
    gauge('callkeeper_store_up', 'Whether Redis answers this replica.', () => Number(storeUp()));
    gauge('callkeeper_wheel_turning', 'Whether this replica takes turns of the wheel.', () =>
      Number(turning()),
    );
    gauge('callkeeper_interval_seconds', 'KEEPALIVE_INTERVAL.', () => wheel.intervalMs / SECOND);
    gauge('callkeeper_deadline_seconds', 'KEEPALIVE_DEADLINE.', () => deadlineMs / SECOND);
    new Gauge({
      name: 'callkeeper_build_info',
      help: 'Always 1; the version is in the label.',
      labelNames: ['version'],
      registers: [this.registry],
    }).set({ version }, 1);
  }
}
