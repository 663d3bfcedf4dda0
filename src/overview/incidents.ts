import type { Reason } from '../calls/record.ts';

/**
 * Something that went wrong within the last day, so that people see it the next morning.
 *
 * - `lost`: calls passed their deadline, or Graph ended them because no keepAlive came in time.
 * - `unknown`: calls ended without ever having been renewed: Graph does not know their ids.
 * - `failing`: calls kept failing, for example because Graph was out.
 * - `redis`: a replica worked without Redis.
 * - `replica`: a replica went away without being stopped.
 */
export type Incident =
  | CallIncident
  | FailureIncident
  | RedisIncident
  | { readonly kind: 'replica'; readonly from: number; readonly replica: string };

export interface CallIncident {
  readonly kind: 'lost' | 'unknown';
  readonly from: number;
  readonly until: number;
  readonly app: string;
  readonly calls: number;
  /** Why the last keepAlive failed; null if none had. */
  readonly error: Reason | null;
}

export interface FailureIncident {
  readonly kind: 'failing';
  readonly from: number;
  /** null: it lasts. */
  readonly until: number | null;
  readonly app: string;
  /** The most that failed at a time. */
  readonly calls: number;
  readonly error: Reason;
}

export interface RedisIncident {
  readonly kind: 'redis';
  readonly from: number;
  /** null: it lasts. */
  readonly until: number | null;
  readonly cause: string | null;
}
