import { retryPolicy } from './retry.ts';
import { SLOTS, slotWidthMs } from './wheel.ts';

/** Limits of a request to Graph, in ms. */
export interface GraphTimeouts {
  /** To connect, with TLS. */
  connectMs: number;
  headersMs: number;
  bodyMs: number;
  /** For the whole request. */
  totalMs: number;
  /** To get a token from Entra, with the discovery. */
  tokenMs: number;
}

/**
 * How long the daemon waits for what, in ms. All of it follows from the interval and the deadline,
 * so that a fast wheel, in a test or a demo, behaves like the real one. The ceilings are the values
 * of the real one.
 */
export interface Durations {
  /** Between two checks of all schedulers. */
  readonly lookOverMs: number;
  /** A turn is missed if it is this long ago and its job neither waits nor runs. */
  readonly turnGraceMs: number;
  /** If a replica gives no sign of life for this long, another one makes its visit. */
  readonly lockMs: number;
  /** A worker that has not asked Redis for a job for this long is unresponsive, and is replaced. */
  readonly unresponsiveMs: number;
  /** Between two signs of life of a replica. */
  readonly heartbeatMs: number;
  /** For how long after its last sign of life a replica counts as alive. */
  readonly heartbeatTtlMs: number;
  /** From a visit that failed, for example because Redis did not answer, to its repetition. */
  readonly visitRetryMs: number;
  /** The watch looks at a slot this long after its turn, when a timely visit is over. */
  readonly watchGraceMs: number;
  /** The watch makes an attempt that another replica planned only if it is this late. */
  readonly retryGraceMs: number;
  /** If a call waited for longer than this, its record is read again right before its request. */
  readonly staleMs: number;
  /** Redis counts as out if it has not answered for this long. */
  readonly outGraceMs: number;
  /** A timestamp that is further ahead, or a machine's clock that is further off, is wrong. */
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

export function durationsFor(intervalMs: number, deadlineMs: number): Durations {
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
    unresponsiveMs: upTo(60_000, intervalMs),
    heartbeatMs,
    heartbeatTtlMs: Math.max(1_000, 3 * heartbeatMs),
    visitRetryMs: upTo(5_000, intervalMs / 60),
    watchGraceMs: Math.max(
      retryGraceMs,
      Math.ceil(slotWidthMs({ intervalMs, slots: SLOTS }) + requestMs),
    ),
    retryGraceMs,
    staleMs: upTo(5_000, Math.max(1_000, intervalMs / 180)),
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
 * The later of these two cases is the worst one. A lock lasts for two requests, which is less than
 * two graces. A watch that finds it held looks again a grace later; the second time the lock is
 * gone. Not included: a clock that was set back by less than `skewMs`, and the wait in a queue.
 */
export function latestCatchUpMs(intervalMs: number, deadlineMs: number): number {
  const { watchGraceMs, redisTimeoutMs, graph } = durationsFor(intervalMs, deadlineMs);
  const firstRetryMs = 1.25 * retryPolicy(intervalMs, deadlineMs).floorMs;
  const afterHang = watchGraceMs + graph.totalMs + firstRetryMs;
  const afterDeath = 3 * watchGraceMs;
  return 2 * redisTimeoutMs + Math.max(afterHang, afterDeath);
}

/** Whole: Node refuses some timers of a fraction of a ms. */
function upTo(mostMs: number, ms: number): number {
  return Math.ceil(Math.min(mostMs, ms));
}
