import type { Call } from '../calls/call.ts';
import type { VisibleApps } from '../calls/principal.ts';
import type { FailureCause } from './causes.ts';
import type { HistoryColumn } from './history.ts';
import type { Incident } from './incidents.ts';
import type { Tally } from './tally.ts';

export interface CountedCalls {
  readonly countedAt: number;
  readonly tally: Tally;
  /** In the order of the ids in `tally`. */
  readonly nearest: readonly Call[];
  readonly nearestFailing: readonly Call[];
}

export interface Overview extends CountedCalls {
  /** Epoch ms. The calls were counted shortly before. */
  readonly now: number;
  readonly redis: {
    readonly up: boolean;
    readonly cause: string | null;
    /** What to do about it, in sentences. */
    readonly fix: string | null;
    /** Since when it is not up, epoch ms; null if that is not known. */
    readonly since: number | null;
  };
  /** This one first. */
  readonly replicas: readonly ReplicaShare[];
  /** Why calls fail, those with the most calls first. */
  readonly causes: readonly FailureCause[];
  readonly successes: ReadonlyMap<string, number>;
  readonly incidents: readonly Incident[];
  /** What happened within each step of the last deadline, the oldest first. */
  readonly columns: readonly HistoryColumn[];
}

export interface ReplicaShare {
  readonly replica: string;
  /** '' if unknown. */
  readonly version: string;
  /** Requests that it sent to Graph within the last interval. */
  readonly keepAlives: number;
  /** When it started, epoch ms; null if unknown. */
  readonly startedAt: number | null;
}

export interface Overviews {
  read(visibleApps: VisibleApps): Promise<Overview>;
}
