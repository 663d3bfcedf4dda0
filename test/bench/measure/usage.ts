/** What a Node process has used since it started. */
export interface Usage {
  /** Its own monotonic time, ms. */
  readonly at: number;
  /** User and system, all threads. */
  readonly cpuUs: number;
  readonly rss: number;
  readonly heapUsed: number;
}

/** How late its event loop was, ms; the resolution of the measurement (10 ms) is in it. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}
