import type { Call, EventItem } from '../../client/index.ts';
import type { Standing } from './standing.ts';

/** Shows what happens. */
export interface View {
  standings(standings: readonly Standing[]): void;
  event(item: EventItem): void;
  /** Gets all calls from time to time; null: it shows none. */
  readonly calls: { read(calls: AsyncIterable<Call>): Promise<void> } | null;
  /** Ends, and restores the terminal. */
  close(): void;
}
