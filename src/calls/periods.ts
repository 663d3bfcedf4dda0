import { retryPolicy } from './retry.ts';
import { SLOTS, slotWidthMs } from './wheel.ts';

/** For requests to Graph, in ms: connecting with TLS; the limits of a request; one token, discovery included. */
export interface GraphTimeouts {
  connectMs: number;
  headersMs: number;
  bodyMs: number;
  totalMs: number;
  tokenMs: number;
}

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
  /** A worker that has not asked for a job for this long is deaf: turns have come meanwhile. */
  readonly deafMs: number;
  /** Between two signs of life of a replica. */
  readonly heartbeatMs: number;
  /** How long a replica that gives none is believed to live. */
  readonly believedMs: number;
  /** A visit that failed, as when Redis did not answer, is made again after this. */
  readonly visitRetryMs: number;
  /** The watch looks at a slot this long after its turn, when a timely visit is over. */
  readonly watchGraceMs: number;
  /** For this long a retry is left to the replica that planned it; then the watch makes it. */
  readonly retryGraceMs: number;
  /** Without an answer from Redis for so long, it counts as out. */
  readonly outGraceMs: number;
  /** An instant so far ahead is no past event; a machine's clock so far off is wrong. */
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
  const slackMs = deadlineMs - intervalMs;
  const requestMs = upTo(15_000, slackMs / 4);
  const skewMs = upTo(15_000, Math.max(500, intervalMs / 60));
  const retryGraceMs = upTo(45_000, intervalMs / 20);
  return {
    lookOverMs: upTo(30_000, intervalMs / 30),
    // BullMQ makes the turns by this machine's clock, which may be off by this much.
    turnGraceMs: skewMs,
    lockMs: upTo(30_000, intervalMs / 4),
    deafMs: upTo(60_000, intervalMs),
    heartbeatMs,
    believedMs: Math.max(1_000, 3 * heartbeatMs),
    visitRetryMs: upTo(5_000, intervalMs / 60),
    watchGraceMs: Math.max(
      retryGraceMs,
      Math.ceil(slotWidthMs({ intervalMs, slots: SLOTS }) + requestMs),
    ),
    retryGraceMs,
    outGraceMs: upTo(15_000, intervalMs / 8),
    skewMs,
    redisTimeoutMs: upTo(Math.min(5_000, slackMs / 16), Math.max(500, intervalMs / 10)),
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

/**
 * How late the watch's keepAlive can be at worst, in ms, counted from the turn that was missed. The
 * call was renewed at its turn before, at most one interval earlier. So it survives if this is less
 * than its slack: the deadline minus the interval.
 *
 *     turn before             missed turn                                    deadline
 *     |------- interval -------|------------------- slack -------------------|
 *     Redis and one request hang: | grace | Redis twice | request | retry |
 *     a watch dies holding the lock: | grace | grace | grace | Redis twice |
 *
 * A lock lasts for two requests, which is less than two graces. A watch that finds it held looks
 * again a grace later; the second time the lock is gone. The clock may also be set back unnoticed
 * by up to a skew, which is less than a grace in the real wheel.
 */
export function latestCatchUpMs(intervalMs: number, deadlineMs: number): number {
  const { watchGraceMs, redisTimeoutMs, graph } = periods(intervalMs, deadlineMs);
  const firstRetryMs = 1.25 * retryPolicy(intervalMs, deadlineMs).floorMs;
  const afterHang = watchGraceMs + graph.totalMs + firstRetryMs;
  const afterDeath = 3 * watchGraceMs;
  return 2 * redisTimeoutMs + Math.max(afterHang, afterDeath);
}

/** Whole: Node refuses some timers of a fraction of a ms. */
function upTo(mostMs: number, ms: number): number {
  return Math.ceil(Math.min(mostMs, ms));
}
