import type { PromisedCall } from './promised-calls.ts';

/** What the simulated Graph knows of a call; see `SimulatedCall`. */
export interface CallAtGraph {
  readonly id: string;
  readonly state: 'established' | 'ended' | 'timedOut';
  readonly endedAt: number | null;
  readonly renewals: number;
  readonly worstGapMs: number;
}

/** The result so far, by what Graph saw and not by what Callkeeper says. */
export interface Truth {
  readonly tracked: number;
  readonly alive: number;
  readonly renewals: number;
  /** Deadline − longest time without a success, of the worst call; null if there is no call. */
  readonly smallestMarginMs: number | null;
  /** How many calls were stopped because their bot was dead. */
  readonly released: number;
  /** Ids of calls that Graph ended because it got no keepAlive. */
  readonly lost: readonly string[];
}

/** @param promised the calls that Callkeeper promised to keep alive; others do not count */
export function readTruth(
  calls: readonly CallAtGraph[],
  promised: ReadonlyMap<string, PromisedCall>,
  deadlineMs: number,
): Truth {
  const kept = calls.flatMap((call) => {
    const promise = promised.get(call.id);
    return promise ? [{ ...call, promise }] : [];
  });
  const margins = kept.map(({ worstGapMs, promise }) => {
    return deadlineMs - (promise.releasedGapMs ?? worstGapMs);
  });
  return {
    tracked: kept.length,
    alive: kept.filter(({ state, promise }) => state === 'established' && holds(promise)).length,
    renewals: kept.reduce((sum, { renewals }) => sum + renewals, 0),
    smallestMarginMs: margins.length > 0 ? Math.min(...margins) : null,
    released: kept.filter(({ promise }) => promise.releasedAt !== null).length,
    lost: kept.filter((call) => isLost(call, call.promise, deadlineMs)).map(({ id }) => id),
  };
}

function holds({ releasedAt, againAt }: PromisedCall): boolean {
  return releasedAt === null || againAt !== null;
}

/**
 * A call that is tracked again after a release may have little time left, so its end counts as a
 * loss only a whole deadline later.
 */
function isLost(
  { state, endedAt }: CallAtGraph,
  { releasedAt, againAt }: PromisedCall,
  deadlineMs: number,
): boolean {
  if (state !== 'timedOut') return false;
  if (releasedAt === null || endedAt === null || endedAt <= releasedAt) return true;
  return againAt !== null && endedAt - againAt >= deadlineMs;
}

export interface Verdict {
  readonly passed: boolean;
  readonly text: string;
}

/** @param isWhole whether the demo ran for its whole time: then something must have happened */
export function toVerdict(truth: Truth, deadlineMs: number, isWhole: boolean): Verdict {
  const { tracked, renewals, released, lost, smallestMarginMs } = truth;
  const counts = `${tracked} calls tracked, ${renewals} keepAlives succeeded`;
  if (lost.length > 0) {
    return {
      passed: false,
      text: `FAILED: ${lost.length} of ${tracked} calls passed their deadline: ${lost.join(', ')}`,
    };
  }
  if (renewals === 0 || smallestMarginMs === null) {
    return { passed: !isWhole, text: `${isWhole ? 'FAILED' : 'Too short to tell'}: ${counts}` };
  }
  const margin = `${seconds(smallestMarginMs)} of ${seconds(deadlineMs)}`;
  const stopped = released > 0 ? `${released} calls of dead bots were stopped, ` : '';
  return {
    passed: true,
    text: `PASSED: ${counts}, ${stopped}no call passed its deadline; smallest margin ${margin}`,
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
