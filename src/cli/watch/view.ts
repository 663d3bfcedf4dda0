import type { Call, EventItem, Trouble } from '../../client/index.ts';
import type { ReplicaStatus } from './replica-status.ts';

export interface View {
  statuses(statuses: readonly ReplicaStatus[]): void;
  /** Gets what is wrong, the worst first, from time to time. */
  troubles(troubles: readonly Trouble[]): void;
  event(item: EventItem): void;
  /** Gets all calls from time to time; null: it shows none. */
  readonly calls: { read(calls: AsyncIterable<Call>): Promise<void> } | null;
  /** Ends, and restores the terminal. */
  close(): void;
}
