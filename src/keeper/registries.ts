import type { Call } from '../calls/call.ts';
import type { CallStore, Entry, Observer } from '../calls/ports.ts';

/** Where calls are kept, and who is told when their state changes there. */
export interface Registry {
  readonly store: CallStore;
  readonly observer: Observer;
}

/** The two registries of a replica, and which of them has the last word about a call. */
export interface Registries {
  /** In Redis. */
  readonly shared: Registry;
  /** In this process; for while Redis does not answer. */
  readonly local: Registry;
  /** Whether only the local registry can tell of the call now, or knows all that is known. */
  isLocal(id: string): boolean;
  /**
   * The call as this replica knows it now, without asking Redis: null if it has left the
   * schedule, undefined if the local registry does not know it.
   */
  latest(call: Call): Entry | null | undefined;
}
