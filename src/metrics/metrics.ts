import { Registry } from '@prometheus-io/client';
import { type Call, isUnknownToGraph, type RemovedCall } from '../calls/call.ts';
import { deadlineAt, dueAt } from '../calls/deadline.ts';
import type { NoticeFate } from '../calls/notice.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { Observer } from '../calls/ports.ts';
import type { GraphObserver, RequestOutcome } from '../graph/graph.ts';
import { Instruments } from './instruments.ts';
import {
  type MetricsSources,
  NO_SOURCES,
  OTHER_APP,
  type ReadingsOptions,
  readings,
} from './readings.ts';
import { METRICS } from './table.ts';

export interface MetricsOptions extends ReadingsOptions {
  readonly version: string;
}

const SECOND = 1_000;
const LATENESS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const DURATION_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];
/** Of the deadline: a call renewed in time succeeds with two thirds of it left. */
const MARGIN_SHARES = [0, 0.05, 0.1, 0.2, 0.3, 1 / 3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 1];

/** Counts what happens in this replica; table.ts says what each metric means. */
export class Metrics implements Observer, GraphObserver {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #options: MetricsOptions;
  readonly #instruments: Instruments;
  #sources: MetricsSources = NO_SOURCES;

  constructor(options: MetricsOptions) {
    this.#options = options;
    const { deadlineMs, version } = options;
    this.#instruments = new Instruments({
      buckets: {
        callkeeper_keepalive_duration_seconds: DURATION_BUCKETS,
        callkeeper_lateness_seconds: LATENESS_BUCKETS,
        callkeeper_deadline_margin_seconds: MARGIN_SHARES.map(
          (share) => (share * deadlineMs) / SECOND,
        ),
      },
      readings: readings(options, () => this.#sources),
    });
    // The daemon does not start with a faulty file.
    for (const file of Object.keys(METRICS.callkeeper_reload_successful.labels.file)) {
      this.#instruments.set('callkeeper_reload_successful', { file }, 1);
    }
    this.#instruments.set('callkeeper_build_info', { version }, 1);
  }

  /** To be called when all parts are made, before anything is counted. */
  use(sources: MetricsSources): void {
    this.#sources = sources;
  }

  get registry(): Registry {
    return this.#instruments.registry;
  }

  render(): Promise<string> {
    this.#instruments.useApps(new Set(this.#sources.apps().keys()));
    return this.registry.metrics();
  }

  tracked(): void {}

  atRisk(): void {}

  attempted(call: Call, outcome: Outcome): void {
    const { wheel, deadlineMs, clock } = this.#options;
    // A request ahead of its turn says nothing about how late turns are.
    const lateMs = (outcome.sentAt ?? Number.NEGATIVE_INFINITY) - dueAt(call, wheel);
    if (lateMs >= 0 && call.consecutiveFailures === 0) {
      this.#instruments.observe('callkeeper_lateness_seconds', lateMs / SECOND);
    }
    if (outcome.kind === 'renewed') {
      const leftMs = deadlineAt(call, deadlineMs) - clock.now();
      this.#instruments.observe('callkeeper_deadline_margin_seconds', leftMs / SECOND);
    }
  }

  removed(call: RemovedCall): void {
    const labels = { app: this.#appOf(call), reason: removalReason(call) };
    this.#instruments.count('callkeeper_calls_removed_total', labels);
  }

  notified(counts: Readonly<Record<NoticeFate, number>>): void {
    for (const [outcome, count] of Object.entries(counts)) {
      this.#instruments.count('callkeeper_notifications_total', { outcome }, count);
    }
  }

  misdirected(): void {}

  timedOut(call: RemovedCall): void {
    this.#instruments.count('callkeeper_graph_timeouts_total', { app: this.#appOf(call) });
  }

  requestDone(outcome: RequestOutcome, durationMs: number, app: string): void {
    const labels = { app: this.#appOf({ app }), outcome };
    this.#instruments.count('callkeeper_keepalives_total', labels);
    this.#instruments.observe('callkeeper_keepalive_duration_seconds', durationMs / SECOND);
  }

  /** @param app '' if the token serves no app, or several */
  tokenRequested(outcome: 'success' | 'failure', app: string): void {
    const labels = { app: this.#appOf({ app }), outcome };
    this.#instruments.count('callkeeper_token_requests_total', labels);
  }

  appsReloaded(outcome: 'success' | 'failure'): void {
    this.#instruments.count('callkeeper_apps_reloads_total', { outcome });
    this.#reloaded('apps', outcome);
  }

  accessReloaded(outcome: 'success' | 'failure'): void {
    this.#instruments.count('callkeeper_access_reloads_total', { outcome });
    this.#reloaded('access', outcome);
  }

  redisUrlReloaded(outcome: 'success' | 'failure'): void {
    this.#reloaded('redis-url', outcome);
  }

  answered(status: number): void {
    const label = `${Math.floor(status / 100)}xx`;
    this.#instruments.count('callkeeper_http_requests_total', { status: label });
  }

  requestDenied(reason: string): void {
    this.#instruments.count('callkeeper_requests_denied_total', { reason });
  }

  connectionDropped(reason: string): void {
    this.#instruments.count('callkeeper_connections_dropped_total', { reason });
  }

  schedulerRepaired(fault: string): void {
    this.#instruments.count('callkeeper_schedulers_repaired_total', { fault });
  }

  missedTurn(): void {
    this.#instruments.count('callkeeper_missed_turns_total');
  }

  workerReplaced(): void {
    this.#instruments.count('callkeeper_workers_replaced_total');
  }

  callsWrittenBack(count: number): void {
    this.#instruments.count('callkeeper_calls_written_back_total', {}, count);
  }

  webhookAttempted(outcome: string): void {
    this.#instruments.count('callkeeper_webhook_deliveries_total', { outcome });
  }

  unreadableValue(): void {
    this.#instruments.count('callkeeper_unreadable_values_total');
  }

  /** The label: the configured apps bound its values. */
  #appOf({ app }: Pick<Call, 'app'>): string {
    return this.#sources.apps().has(app) ? app : OTHER_APP;
  }

  #reloaded(file: string, outcome: 'success' | 'failure'): void {
    this.#instruments.set('callkeeper_reload_successful', { file }, Number(outcome === 'success'));
  }
}

/** Counts separately what no bot asked for, and what is no usual hang-up. */
function removalReason(call: RemovedCall): string {
  if (isUnknownToGraph(call)) return 'unknown';
  return call.reason === 'owner-lost' ? 'owner-lost' : call.state;
}
