import {
  type CallStore,
  type Change,
  type Entry,
  type Put,
  type Remove,
  StoreUnavailableError,
} from './ports.ts';

/** What to write for a call: put it, take it off the schedule, or (null) nothing. */
export type Decision = Put | Remove | null;

/** A call to be decided on, and the entry last seen for it (null: not tracked). */
export interface Subject {
  readonly id: string;
  readonly entry: Entry | null;
}

/** More rounds than any honest race needs: somebody is writing the same calls in a loop. */
const MOST_ROUNDS = 32;

/**
 * Decides on calls by what stands in the store, and writes it. Where somebody
 * wrote in between, the decision is made again on what stands there then.
 *
 * @returns the decision that took effect for each subject, in their order.
 */
export async function decideAndWrite<S extends Subject>(
  store: CallStore,
  subjects: readonly S[],
  decide: (current: Entry | null, subject: S) => Decision,
): Promise<Decision[]> {
  const effects: Decision[] = subjects.map(() => null);
  let open = subjects.map((subject, index) => ({ subject, index, entry: subject.entry }));
  for (let round = 0; open.length > 0; round++) {
    if (round === MOST_ROUNDS)
      throw new StoreUnavailableError(`${open.length} calls are contended`);
    const writes = open.flatMap((item) => {
      const decision = decide(item.entry, item.subject);
      return decision === null ? [] : [{ ...item, decision }];
    });
    const results = await store.write(
      writes.map((w) => toChange(w.subject.id, w.entry, w.decision)),
    );
    open = [];
    writes.forEach((item, i) => {
      const result = results[i];
      if (result?.done) effects[item.index] = item.decision;
      else open.push({ ...item, entry: result?.current ?? null });
    });
  }
  return effects;
}

function toChange(id: string, entry: Entry | null, decision: Put | Remove): Change {
  if ('next' in decision) return { ...decision, id, expected: entry?.version ?? null };
  if (entry === null) throw new Error(`${id} is not tracked: it cannot leave the schedule`);
  return { ...decision, id, expected: entry.version };
}
