/** What the simulated Graph knows of a call; see `SimulatedCall`. */
export interface CallAtGraph {
  readonly id: string;
  readonly state: 'established' | 'ended' | 'timedOut';
  readonly renewals: number;
  readonly worstGapMs: number;
}

/** How it went so far, by what Graph saw and not by what Callkeeper says. */
export interface Truth {
  readonly tracked: number;
  readonly alive: number;
  readonly renewals: number;
  /** Deadline − longest time without a success, of the worst call; null where there is none. */
  readonly smallestMarginMs: number | null;
  /** Ids of calls that Graph ended for want of a keepAlive. */
  readonly lost: readonly string[];
}

/** @param promised ids that Callkeeper had said it would keep alive; others do not count. */
export function readTruth(
  calls: readonly CallAtGraph[],
  promised: ReadonlySet<string>,
  deadlineMs: number,
): Truth {
  const kept = calls.filter(({ id }) => promised.has(id));
  const margins = kept.map(({ worstGapMs }) => deadlineMs - worstGapMs);
  return {
    tracked: kept.length,
    alive: kept.filter(({ state }) => state === 'established').length,
    renewals: kept.reduce((sum, { renewals }) => sum + renewals, 0),
    smallestMarginMs: margins.length > 0 ? Math.min(...margins) : null,
    lost: kept.filter(({ state }) => state === 'timedOut').map(({ id }) => id),
  };
}

export interface Verdict {
  readonly passed: boolean;
  readonly text: string;
}

/** @param isWhole whether the demo ran as long as it was to: then something must have happened. */
export function judge(truth: Truth, deadlineMs: number, isWhole: boolean): Verdict {
  const { tracked, renewals, lost, smallestMarginMs } = truth;
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
  return {
    passed: true,
    text: `PASSED: ${counts}, no call passed its deadline; smallest margin ${margin}`,
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
