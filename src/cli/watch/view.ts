import type { Call, EventItem } from '../../client/index.ts';
import type { Standing } from './standing.ts';

/** Where to what is seen goes. */
export interface View {
  standings(standings: readonly Standing[]): void;
  event(item: EventItem): void;
  /** Takes all calls, from time to time; null: it shows none. */
  readonly calls: { read(calls: AsyncIterable<Call>): Promise<void> } | null;
  /** The end: the terminal is left as it was found. */
  close(): void;
}
