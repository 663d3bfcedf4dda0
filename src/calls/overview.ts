import type { Call } from './call.ts';
import type { Reach } from './principal.ts';
import type { Tally } from './tally.ts';

/** The calls within somebody's reach, as one replica holds them in memory. */
export interface Counts {
  /** When they were counted, epoch ms. */
  readonly countedAt: number;
  readonly tally: Tally;
  /** Those of `tally.nearest`, in their order, as they stand. */
  readonly nearest: readonly Call[];
  /** Those of `tally.nearestFailing`. */
  readonly nearestFailing: readonly Call[];
}

/** How all of it stands, as one replica sees it. */
export interface Overview extends Counts {
  /** By the clock of the replica, epoch ms; the calls were counted a little before. */
  readonly now: number;
  readonly redis: {
    readonly up: boolean;
    /** Why Redis is not up, if that is known. */
    readonly cause: string | null;
  };
  /** This one first. */
  readonly replicas: readonly ReplicaShare[];
}

/** What a replica does of the work. */
export interface ReplicaShare {
  /** Names it among the replicas. */
  readonly replica: string;
  /** '' where it is not known. */
  readonly version: string;
  /** Requests that it sent to Graph within the last interval. */
  readonly keepAlives: number;
}

export interface Overviews {
  read(reach: Reach): Promise<Overview>;
}
