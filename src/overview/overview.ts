import type { Call } from '../calls/call.ts';
import type { VisibleApps } from '../calls/principal.ts';
import type { Cause } from './causes.ts';
import type { Column } from './history.ts';
import type { Incident } from './incidents.ts';
import type { Tally } from './tally.ts';

/** The calls within a client's reach, from the memory of one replica. */
export interface Counts {
  /** When they were counted, epoch ms. */
  readonly countedAt: number;
  readonly tally: Tally;
  /** The calls of `tally.nearest`, in their order. */
  readonly nearest: readonly Call[];
  /** The calls of `tally.nearestFailing`. */
  readonly nearestFailing: readonly Call[];
}

/** The state of everything, as one replica sees it. */
export interface Overview extends Counts {
  /** By the clock of the replica, epoch ms. The calls were counted shortly before. */
  readonly now: number;
  readonly redis: {
    readonly up: boolean;
    /** Why Redis is not up, if that is known. */
    readonly cause: string | null;
    /** What to do about it, in sentences. */
    readonly fix: string | null;
    /** Since when it is not up, epoch ms; null if that is not known. */
    readonly since: number | null;
  };
  /** This one first. */
  readonly replicas: readonly ReplicaShare[];
  /** Why calls fail, those with the most calls first. */
  readonly causes: readonly Cause[];
  /** The last success of each app, epoch ms. */
  readonly successes: ReadonlyMap<string, number>;
  /** What happened within the last 24 hours. */
  readonly incidents: readonly Incident[];
  /** What happened within each step of the last deadline, the oldest first. */
  readonly columns: readonly Column[];
}

/** The share of a replica in the work. */
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
