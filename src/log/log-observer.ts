import type { Logger } from 'pino';
import { type Call, isUnknownToGraph, type RemovedCall } from '../calls/call.ts';
import type { Notice } from '../calls/notice.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { Owner } from '../calls/owner.ts';
import type { Observer, OwnerObserver } from '../calls/ports.ts';
import { FailureLog } from './failure-log.ts';

/** Logs what happens to calls, with the evidence of what went wrong. */
export class LogObserver implements Observer, OwnerObserver {
  readonly #log: Logger;
  readonly #failures: FailureLog;

  constructor(log: Logger) {
    this.#log = log;
    this.#failures = new FailureLog(log);
  }

  tracked(call: Call, isNew: boolean): void {
    // The request has already logged an audit line, at `info`.
    if (!this.#log.isLevelEnabled('debug')) return;
    const message = isNew ? 'call tracked' : 'call tracked again';
    this.#log.debug({ event: 'tracked', call: call.id, app: call.app, isNew }, message);
  }

  attempted(call: Call, outcome: Outcome): void {
    if (outcome.kind === 'renewed') {
      // By far the most frequent case: build no line that would be dropped.
      if (!this.#log.isLevelEnabled('debug')) return;
      this.#log.debug({ event: 'renewed', call: call.id, sentAt: outcome.sentAt }, 'call renewed');
    } else if (outcome.kind !== 'ended') {
      this.#failures.failed(call, outcome);
    }
  }

  atRisk(call: Call): void {
    this.#failures.atRisk(call);
  }

  flush(): void {
    this.#failures.flush();
  }

  notified(): void {}

  misdirected({ kind, id, tenantId }: Notice, fate: 'other_tenant' | 'other_app'): void {
    const why = fate === 'other_app' ? 'it was sent for another app' : 'it names another tenant';
    this.#log.warn(
      { event: 'notification-ignored', call: id, notification: kind, reason: fate, tenantId },
      `ignored a notification of a tracked call: ${why} than the call's`,
    );
  }

  timedOut({ id, renewedAt, resultInfo }: RemovedCall): void {
    this.#log.error(
      { event: 'timed-out', call: id, renewedAt, resultInfo },
      'Graph ended a call because it got no keepAlive',
    );
  }

  lapsed(owner: Owner): void {
    const { name, app, renewedAt, tracked, stopsAt } = owner;
    this.#log.warn(
      { event: 'owner-lapsed', owner: name, app, renewedAt, calls: tracked, stopsAt },
      'the lease of an owner ran out: its calls are stopped unless it renews the lease',
    );
  }

  renewed({ name, app, tracked }: Owner): void {
    this.#log.info(
      { event: 'owner-renewed', owner: name, app, calls: tracked },
      'an owner whose lease had run out has renewed it: its calls go on',
    );
  }

  lost({ name, app }: Owner, calls: number): void {
    this.#log.error(
      { event: 'owner-lost', owner: name, app, calls },
      'an owner did not renew its lease within the grace: its calls were stopped',
    );
  }

  removed(call: RemovedCall): void {
    const { id, state, reason, renewedAt, resultInfo, lastError: error } = call;
    const told = { event: state, call: id, renewedAt, ...(resultInfo ? { resultInfo } : {}) };
    switch (state) {
      case 'expired':
        this.#log.error({ ...told, error }, 'call passed its deadline: given up');
        break;
      case 'ended':
        this.#log.info({ ...told, error }, 'call ended');
        if (isUnknownToGraph(call)) this.#failures.unknown(call);
        break;
      case 'untracked':
        this.#log.info({ ...told, reason }, 'call no longer tracked');
    }
  }
}

export function tellAll(observers: readonly Observer[]): Observer {
  return {
    tracked: (call, isNew) => {
      for (const observer of observers) observer.tracked(call, isNew);
    },
    attempted: (call, outcome) => {
      for (const observer of observers) observer.attempted(call, outcome);
    },
    atRisk: (call) => {
      for (const observer of observers) observer.atRisk(call);
    },
    removed: (call) => {
      for (const observer of observers) observer.removed(call);
    },
    misdirected: (notice, fate) => {
      for (const observer of observers) observer.misdirected(notice, fate);
    },
    notified: (counts) => {
      for (const observer of observers) observer.notified(counts);
    },
    timedOut: (call) => {
      for (const observer of observers) observer.timedOut(call);
    },
  };
}
