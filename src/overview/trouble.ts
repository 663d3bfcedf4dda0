import type { FailureCause } from './causes.ts';
import type { Incident } from './incidents.ts';
import type { Tally } from './tally.ts';

export const TROUBLE_KINDS = [
  'graph',
  'token',
  'network',
  'callkeeper',
  'redis',
  'lost',
  'unknown',
  'replica',
  'unready',
] as const;
export type TroubleKind = (typeof TROUBLE_KINDS)[number];

export const SEVERITIES = ['critical', 'warning', 'notice'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Something that is wrong, or was within the last day, in a sentence. */
export interface Trouble {
  readonly kind: TroubleKind;
  /** `critical`: calls are being lost, or will be. `notice`: it is over. */
  readonly severity: Severity;
  readonly sentence: string;
  readonly since: number | null;
  readonly calls: number;
  /** When the first call is lost unless this is over; null if none is in danger, or that is past. */
  readonly firstLossAt: number | null;
  /** What to do about it, in sentences; null if there is nothing to do. */
  readonly todo: string | null;
  /** Its heading in docs/runbook.md, the name of an alert. */
  readonly runbook: string;
}

export interface Known {
  readonly now: number;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  readonly tally: Pick<Tally, 'tracked' | 'apps'>;
  readonly causes: readonly FailureCause[];
  readonly successes: ReadonlyMap<string, number>;
  readonly redis: {
    readonly up: boolean;
    readonly cause: string | null;
    readonly fix: string | null;
    readonly since: number | null;
  };
  /** Why the replica that answers is not ready. */
  readonly unready: readonly string[];
  readonly incidents: readonly Incident[];
  /** When each living replica began, as far as that is known. */
  readonly replicas: readonly { readonly replica: string; readonly startedAt: number | null }[];
}
