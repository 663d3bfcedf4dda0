import type { GraphTimeouts } from './graph/connections.ts';

/**
 * Every period of the daemon, in ms. All are derived from the interval and the
 * deadline, so that a wheel turned fast, in a test or a demo, behaves as the
 * real one does; the ceilings are for the real one.
 */
export interface Periods {
  /** Between two looks over the schedulers. */
  readonly lookOverMs: number;
  /** A turn that has not begun so long after its time was missed, unless its job only waits. */
  readonly turnGraceMs: number;
  /** A visit whose replica gave no sign of life for so long is made by another. */
  readonly lockMs: number;
  /** Between two signs of life of a replica. */
  readonly heartbeatMs: number;
  /** How long a replica that gives none is believed to live. */
  readonly believedMs: number;
  /** A visit that failed, as when Redis did not answer, is made again after this. */
  readonly visitRetryMs: number;
  /** A slot is looked at so long after its turn, to see whether it was visited. */
  readonly watchGraceMs: number;
  /** Without an answer from Redis for so long, it counts as out. */
  readonly outGraceMs: number;
  /** An instant so far ahead is none of the past; a machine's clock so far off is wrong. */
  readonly skewMs: number;
  /** How long Redis may take to answer a command. */
  readonly redisTimeoutMs: number;
  /** Between two looks at a file that is read again when it changes. */
  readonly filesPollMs: number;
  /** From a webhook's first failure to its next attempt; then twice as long, up to the cap. */
  readonly webhookRetryMs: number;
  readonly webhookRetryCapMs: number;
  readonly graph: GraphTimeouts;
}

export function periods(intervalMs: number, deadlineMs: number): Periods {
  const heartbeatMs = upTo(10_000, intervalMs / 30);
  const requestMs = upTo(15_000, (deadlineMs - intervalMs) / 4);
  return {
    lookOverMs: upTo(30_000, intervalMs / 30),
    turnGraceMs: upTo(15_000, intervalMs / 60),
    lockMs: upTo(30_000, intervalMs / 4),
    heartbeatMs,
    believedMs: Math.max(1_000, 3 * heartbeatMs),
    visitRetryMs: upTo(5_000, intervalMs / 60),
    watchGraceMs: upTo(45_000, intervalMs / 20),
    outGraceMs: upTo(15_000, intervalMs / 8),
    skewMs: upTo(15_000, Math.max(500, intervalMs / 60)),
    redisTimeoutMs: upTo(5_000, Math.max(500, intervalMs / 10)),
    filesPollMs: upTo(5_000, Math.max(100, intervalMs / 60)),
    webhookRetryMs: upTo(5_000, intervalMs / 40),
    webhookRetryCapMs: upTo(3_600_000, 4 * intervalMs),
    graph: {
      connectMs: upTo(5_000, requestMs / 2),
      headersMs: upTo(10_000, requestMs),
      bodyMs: upTo(5_000, requestMs / 2),
      totalMs: requestMs,
      tokenMs: upTo(15_000, requestMs),
    },
  };
}

/** Whole: Node refuses some timers of a fraction of a ms. */
function upTo(mostMs: number, ms: number): number {
  return Math.ceil(Math.min(mostMs, ms));
}
