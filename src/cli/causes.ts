import type { Call } from '../client/index.ts';
import { faultOf } from '../overview/causes.ts';
import { describeFailure, span, withSeparators } from './call-lines.ts';
import type { Form } from './output.ts';
import { paint } from './printable.ts';
import type { Column } from './table.ts';

/** Calls that fail in the same way. */
export interface Cause {
  readonly app: string;
  readonly tenantId: string;
  readonly status: number | null;
  readonly code: string | null;
  /** When the latest failure was. */
  readonly message: string;
  readonly calls: number;
  readonly atRisk: number;
  /** The earliest failure seen. RFC 3339. Calls that have failed repeatedly began earlier. */
  readonly since: string;
  /** The nearest deadline of these calls. RFC 3339. */
  readonly deadlineAt: string;
}

/** The last failure of one call. */
type Failure = Pick<Cause, 'app' | 'tenantId' | 'status' | 'code' | 'message'> & {
  readonly at: string;
};

/** Limits the memory: an app may have calls in thousands of tenants. */
const MOST_CAUSES = 500;
const OTHERS = {
  app: '',
  tenantId: '',
  status: null,
  code: null,
  message: `other causes, beyond the first ${MOST_CAUSES}`,
};
const DAY_MS = 86_400_000;

/** Groups failing calls by cause, as the board does. */
export class Causes {
  readonly #causes = new Map<string, Cause & Failure>();
  readonly #since: ReadonlyMap<string, string>;
  #calls = 0;

  /** @param before an earlier reading, which knows since when its causes have lasted */
  constructor(before?: Causes) {
    const known = before ? [...before.#causes] : [];
    this.#since = new Map(known.map(([key, { since }]) => [key, since]));
  }

  /** How many calls fail. */
  get calls(): number {
    return this.#calls;
  }

  /** The cause with most calls first. */
  get all(): readonly Cause[] {
    return [...this.#causes.values()]
      .map(({ at: _at, ...cause }) => cause)
      .sort((a, b) => b.calls - a.calls || byDeadline(a, b));
  }

  /** Ignores a call that does not fail. */
  add(call: Call): void {
    if (!isFailing(call)) return;
    this.#calls++;
    const failure = failureOf(call);
    const key = [failure.app, failure.tenantId, faultOf(failure)].join('\n');
    const hasRoom = this.#causes.has(key) || this.#causes.size < MOST_CAUSES;
    if (hasRoom) this.#count(key, failure, call);
    else this.#count('', { ...failure, ...OTHERS }, call);
  }

  #count(key: string, failure: Failure, { deadlineAt, atRiskAt }: Call): void {
    const { at } = failure;
    const since = this.#since.get(key) ?? at;
    const known = this.#causes.get(key) ?? { ...failure, calls: 0, atRisk: 0, since, deadlineAt };
    this.#causes.set(key, {
      ...known,
      ...(at > known.at ? failure : {}),
      calls: known.calls + 1,
      atRisk: known.atRisk + (atRiskAt === null ? 0 : 1),
      since: earlier(known.since, at),
      deadlineAt: earlier(known.deadlineAt, deadlineAt),
    });
  }
}

export function isFailing(call: Call): boolean {
  return call.consecutiveFailures > 0;
}

/** The nearest deadline first: RFC 3339 in UTC with milliseconds sorts as text. */
export function byDeadline<T extends { readonly deadlineAt: string }>(a: T, b: T): number {
  if (a.deadlineAt === b.deadlineAt) return 0;
  return a.deadlineAt < b.deadlineAt ? -1 : 1;
}

/** They fit 80 columns, of which the error gets 33. */
const COLUMNS: readonly Column<Cause>[] = [
  { heading: 'CALLS', width: 5, read: ({ calls }) => withSeparators(calls) },
  { heading: 'NEAREST', width: 7, read: ({ deadlineAt }, now) => left(deadlineAt, now) },
  { heading: 'SINCE', width: 9, read: ({ since }, now) => timeOf(since, now) },
  { heading: 'APP', width: 8, shorten: 'end', read: ({ app }) => app },
  { heading: 'TENANT', width: 8, shorten: 'end', grows: true, read: ({ tenantId }) => tenantId },
  { heading: 'ERROR', width: 33, read: describeFailure },
];

export const CAUSES: Form<Cause> = { columns: COLUMNS, paint: paintCause };

/** Red if calls are at risk. */
function paintCause({ atRisk }: Cause, line: string): string {
  return paint(atRisk > 0 ? 'red' : 'yellow', line);
}

function left(deadlineAt: string, now: number): string {
  return span(Date.parse(deadlineAt) - now);
}

/** `04:05:06Z`, as logs have it; a duration if that is ambiguous. */
function timeOf(at: string, now: number): string {
  const ms = Date.parse(at);
  if (Number.isNaN(ms) || now - ms >= DAY_MS) return `${span(now - ms)} ago`;
  return `${new Date(ms).toISOString().slice(11, 19)}Z`;
}

function failureOf({ app, tenantId, lastError }: Call): Failure {
  const { at = '', status = null, code = null, message = '' } = lastError ?? {};
  return { app, tenantId, at, status, code, message };
}

function earlier(a: string, b: string): string {
  return a < b ? a : b;
}
