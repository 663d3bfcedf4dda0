import { type Probed, probe } from '../probes.ts';

export interface ReplicaStatus {
  readonly url: string;
  readonly state: 'ready' | 'not ready' | 'not reachable';
  /** Why it is not ready; '' if it is. */
  readonly why: string;
  /** The counts of all calls that it knows; null if it cannot be reached. */
  readonly counts: Counts | null;
}

export interface Counts {
  readonly tracked: number;
  readonly failing: number;
  readonly atRisk: number;
  /** The time left of the call nearest to its deadline, in ms; meaningless without calls. */
  readonly minMarginMs: number;
}

const LIMIT_MS = 3_000;

/** Never rejects. */
export async function readReplicaStatus(url: string, stop: AbortSignal): Promise<ReplicaStatus> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(LIMIT_MS)]);
  const [ready, metrics] = await Promise.all([
    probe(url, 'readyz', signal),
    probe(url, 'metrics', signal),
  ]);
  const counts = metrics.kind === 'ok' ? readCounts(metrics.text) : null;
  return { url, ...readinessOf(ready), counts };
}

function readinessOf(ready: Probed): Pick<ReplicaStatus, 'state' | 'why'> {
  if (ready.kind === 'silent') return { state: 'not reachable', why: ready.why };
  if (ready.kind === 'ok') return { state: 'ready', why: '' };
  return { state: 'not ready', why: ready.reasons };
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
function readCounts(text: string): Counts {
  // One series for each app.
  const values = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) =>
      Number(value),
    );
  const sum = (name: string) => values(name).reduce((total, value) => total + value, 0);
  return {
    tracked: sum('callkeeper_tracked_calls'),
    failing: sum('callkeeper_calls_failing'),
    atRisk: sum('callkeeper_calls_at_risk'),
    minMarginMs: Math.min(...values('callkeeper_min_margin_seconds')) * 1_000,
  };
}
