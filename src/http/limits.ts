/** What a client may ask of a connection. Durations in ms, sizes in bytes. */
export interface Limits {
  /** For the headers of a request to arrive. */
  readonly headersTimeoutMs: number;
  /** For a whole request to arrive. */
  readonly requestTimeoutMs: number;
  /** An idle connection is kept for so long; longer than load balancers keep theirs (60 s). */
  readonly keepAliveTimeoutMs: number;
  /** A connection on which nothing moves is cut. Longer than any answer takes. */
  readonly inactivityMs: number;
  /** How often Node looks for requests past their time. */
  readonly checkEveryMs: number;
  readonly maxConnections: number;
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
  readonly maxBatchBodyBytes: number;
  readonly maxNotificationBytes: number;
}

export const LIMITS: Limits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 72_000,
  inactivityMs: 120_000,
  checkEveryMs: 2_000,
  maxConnections: 4_096,
  maxHeaderBytes: 16 * 1024,
  maxBodyBytes: 64 * 1024,
  maxBatchBodyBytes: 2 * 1024 * 1024,
  maxNotificationBytes: 1024 * 1024,
};

/** Most calls of a batch, and of a page. */
export const MOST_CALLS = 1_000;

/** Most notifications of one request; Graph sends one or a few at once. */
export const MOST_NOTIFICATIONS = 200;
