import type { Call } from '../calls/call.ts';
import type { CallStore, Entry, Observer } from '../calls/ports.ts';

/** A store of calls, and the observer of state changes in it. */
export interface Registry {
  readonly store: CallStore;
  readonly observer: Observer;
}

/** The two registries of a replica, and which of them has the last word about a call. */
export interface Registries {
  /** In Redis. */
  readonly shared: Registry;
  /** In this process, for use while Redis does not answer. */
  readonly local: Registry;
  /** Whether the local registry has the last word about the call now. */
  isLocal(id: string): boolean;
  /**
   * The call as this replica knows it now, without asking Redis: null if it was removed,
   * undefined if the local registry does not know it.
   */
  latest(call: Call): Entry | null | undefined;
}
