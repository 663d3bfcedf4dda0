import type { Spread } from './statistics.ts';

/** What clients ask of the API. */
export interface Load {
  readonly url: string;
  /** Each with connections of its own, and its key where there are keys. */
  readonly clients: number;
  readonly keys?: readonly string[];
  /** Requests at once, of each client. */
  readonly inFlight: number;
  /** Calls of a request: 1 is `POST /calls/{id}/track`, more `POST /calls/track`. */
  readonly batch: number;
  /** Calls that are tracked over and over; without them each request has new ones. */
  readonly ids?: readonly string[];
  /** How long, or else how many calls each client tracks. */
  readonly durationMs?: number;
  readonly callsPerClient?: number;
}

/** What came of it. */
export interface LoadResult {
  /** That were answered with success. */
  readonly requests: number;
  readonly calls: number;
  readonly elapsedMs: number;
  /** Of a request, ms, those that were refused included. */
  readonly latency: Spread;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Refusals (429) that did not say when to come again. */
  readonly withoutRetryAfter: number;
}
