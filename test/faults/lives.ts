import type { KeepAliveRecord } from '../../src/simulator/ledger.ts';
import type { BotCall } from './bot.ts';
import type { SeenRemoval } from './observations.ts';
import type { World } from './world.ts';

/** A call by the ledger, from its start until the bot let go of it. */
export interface Life {
  readonly call: BotCall;
  /** Every keepAlive request for it, in order. */
  readonly records: readonly KeepAliveRecord[];
  /** The last success; null: none. */
  readonly keptAliveAt: number | null;
  /**
   * The longest time without a success while the bot wanted the call, including its start and end.
   */
  readonly worstGapMs: number;
  /** Graph ended it because it got no keepAlive. */
  readonly died: boolean;
  /** When Graph first answered that the call is over; null: never. */
  readonly overAt: number | null;
  readonly events: readonly SeenRemoval[];
  readonly logs: readonly SeenRemoval[];
}

/** Reads all calls of the bot from the simulator's ledger. */
export function readLives(
  { bot, simulator }: World,
  events: readonly SeenRemoval[] = [],
  logs: readonly SeenRemoval[] = [],
): Life[] {
  const now = Date.now();
  const states = new Map(simulator.summary().map((call) => [call.id, call]));
  const eventsOf = Map.groupBy(events, ({ id }) => id);
  const logsOf = Map.groupBy(logs, ({ id }) => id);
  return [...bot.calls.values()].map((call) => {
    const records = simulator.ledger.of(call.id);
    const end = Math.min(call.stopAskedAt ?? now, call.hungUpAt ?? now);
    const successes = records.filter(({ at, ...of }) => isGraphsOwn200(of) && at > call.createdAt);
    const { state, endedAt } = states.get(call.id) ?? {};
    return {
      call,
      records,
      keptAliveAt: successes.at(-1)?.at ?? null,
      worstGapMs: worstGap([call.createdAt, ...successes.map(({ at }) => at), end], end),
      died: state === 'timedOut' && (endedAt ?? 0) < end,
      overAt: records.find(isGraphsOwn404)?.at ?? null,
      events: eventsOf.get(call.id) ?? [],
      logs: logsOf.get(call.id) ?? [],
    };
  });
}

export function isGraphsOwn404({ answer, call, fault }: KeepAliveRecord): boolean {
  return answer === 404 && call !== 'established' && fault === null;
}

/** False for a 200 that a login page in Graph's place sent. */
export function isGraphsOwn200({ answer, fault }: Omit<KeepAliveRecord, 'at'>): boolean {
  return answer === 200 && fault === null;
}

function worstGap(instants: readonly number[], end: number): number {
  const until = instants.map((at) => Math.min(at, end));
  return Math.max(...until.slice(1).map((at, i) => at - (until[i] ?? at)));
}
