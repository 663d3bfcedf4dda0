/** Limits of the API. Durations in ms, sizes in bytes. */
export interface Limits {
  readonly headersTimeoutMs: number;
  /** For headers and body to arrive. */
  readonly requestTimeoutMs: number;
  /**
   * How long an idle connection that showed a valid key stays open. Longer than load balancers keep
   * theirs (60 s), so that they never send a request on a connection that is closing.
   */
  readonly keepAliveTimeoutMs: number;
  /** The same for a connection that showed no valid key; Node's default. */
  readonly anonymousKeepAliveMs: number;
  /** After this a silent connection is closed; longer than any answer takes. */
  readonly inactivityMs: number;
  /** How often Node checks for requests past their time. */
  readonly checkEveryMs: number;
  readonly maxConnections: number;
  /** Connections that have shown no valid key yet; see `ConnectionGuard`. */
  readonly maxAnonymous: number;
  /** The same for one IPv4 address, or one IPv6 /64. */
  readonly maxAnonymousPerAddress: number;
  /** Requests in flight on one connection. Node limits them only once answers are waiting. */
  readonly maxPipelined: number;
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
  readonly maxBatchBodyBytes: number;
  readonly maxNotificationBytes: number;
  readonly maxEventStreams: number;
  /** Heartbeat of an event stream, shorter than the idle time-out of load balancers (60 s). */
  readonly eventHeartbeatMs: number;
  /** A client that reads no events for this long is disconnected. */
  readonly eventStalledMs: number;
}

export const LIMITS: Limits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 72_000,
  anonymousKeepAliveMs: 5_000,
  inactivityMs: 120_000,
  checkEveryMs: 2_000,
  maxConnections: 4_096,
  maxAnonymous: 1_024,
  maxAnonymousPerAddress: 512,
  maxPipelined: 8,
  maxHeaderBytes: 16 * 1024,
  maxBodyBytes: 64 * 1024,
  maxBatchBodyBytes: 2 * 1024 * 1024,
  maxNotificationBytes: 1024 * 1024,
  maxEventStreams: 256,
  eventHeartbeatMs: 15_000,
  eventStalledMs: 30_000,
};

/** For the listener of `METRICS_ADDRESS`, on which no connection shows a key. */
export const METRICS_LIMITS: Limits = {
  ...LIMITS,
  maxConnections: 256,
  maxAnonymous: 256,
  maxAnonymousPerAddress: 64,
};

/** The most calls in a batch and on a page. */
export const MOST_CALLS = 1_000;

/** The most notifications in one request. Graph sends one or a few at once. */
export const MOST_NOTIFICATIONS = 200;
