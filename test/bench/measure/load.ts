import type { Spread } from './statistics.ts';

export interface Load {
  readonly url: string;
  /** Each has its own connections, and its own key if keys are required. */
  readonly clients: number;
  readonly keys?: readonly string[];
  /** Concurrent requests per client. */
  readonly inFlight: number;
  /** Calls per request: 1 uses `POST /calls/{id}/track`, more use `POST /calls/track`. */
  readonly batch: number;
  /** Track these calls again and again; absent: each request has new ones. */
  readonly ids?: readonly string[];
  /** Ends after this time; the alternative is a number of calls per client. */
  readonly durationMs?: number;
  readonly callsPerClient?: number;
}

export interface LoadResult {
  /** Only those that succeeded. */
  readonly requests: number;
  readonly calls: number;
  readonly elapsedMs: number;
  /** Per request, in ms, including refused ones. */
  readonly latency: Spread;
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers 429 without `Retry-After`. */
  readonly withoutRetryAfter: number;
}
