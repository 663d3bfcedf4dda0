/** Totals of a Node process since it started. */
export interface Usage {
  /** Monotonic, in ms, by the process itself. */
  readonly at: number;
  /** User and system time of all threads. */
  readonly cpuUs: number;
  readonly rss: number;
  readonly heapUsed: number;
}

/** Delay of the event loop, in ms; it includes the resolution of the measurement (10 ms). */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}
