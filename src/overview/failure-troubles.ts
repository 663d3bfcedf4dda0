import { AT_RISK_SHARE } from '../calls/deadline.ts';
import type { Reason } from '../calls/record.ts';
import { clockTime, count, HOUR_MS, plural, shortSpan } from '../calls/wording.ts';
import { type FailureCause, faultOf, sumOf } from './causes.ts';
import { entraCodeIn, fixOf, silenceIn } from './fixes.ts';
import type { Known, Trouble, TroubleKind } from './trouble.ts';

/** "Everything fails" if one fault has this share of the failures since the last success. */
const EVERYTHING_SHARE = 0.9;
/** At the start of a fault, replicas see it at different times, for this share of the interval. */
const BEGINNING_SHARE = 1 / 15;
/** Fewer failures in a row may be chance. */
const EVERYTHING_CALLS = 3;
/**
 * "Everything fails" only if nothing has succeeded for this share of the interval (15 s of 15
 * minutes). Calls of a slot are sent together, and the last few may all be of the one tenant that
 * fails.
 */
const EVERYTHING_SHARE_OF_TIME = 1 / 60;

interface Fault {
  readonly error: FailureCause['error'];
  readonly causes: readonly FailureCause[];
  readonly calls: number;
  readonly firstLossAt: number;
}

export function failureTroubles(known: Known): Trouble[] {
  return faultsOf(known.causes).map((fault) => {
    const { error, calls, firstLossAt } = fault;
    const scope = scopeOf(fault, known);
    const isCritical = scope.isAll || firstLossAt - known.now < known.deadlineMs * AT_RISK_SHARE;
    return {
      kind: kindOf(error),
      severity: isCritical ? 'critical' : 'warning',
      sentence: `${describe(fault, scope, known)} ${loss(firstLossAt, known.now)}`,
      since: scope.since,
      calls,
      firstLossAt: firstLossAt > known.now ? firstLossAt : null,
      todo: fixOf(error),
      runbook: runbookOf(error),
    };
  });
}

function faultsOf(causes: readonly FailureCause[]): Fault[] {
  const faults = Map.groupBy(causes, ({ error }) => faultOf(error));
  return [...faults.values()].map((same) => ({
    error: same.reduce(
      (latest, { error }) => (error.at > latest.at ? error : latest),
      errorOf(same),
    ),
    causes: same,
    calls: same.reduce((sum, { calls }) => sum + calls, 0),
    firstLossAt: Math.min(...same.map(({ firstLossAt }) => firstLossAt)),
  }));
}

function errorOf([first]: readonly FailureCause[]): FailureCause['error'] {
  if (!first) throw new RangeError('a fault without a cause');
  return first.error;
}

interface Scope {
  /** Nothing has succeeded since. */
  readonly isAll: boolean;
  readonly since: number;
  /** The one app of all the calls; null if there are several, or no others. */
  readonly app: string | null;
}

function scopeOf(fault: Fault, known: Known): Scope {
  const { apps } = known.tally;
  const all = sinceLastSuccess(fault, known, [...apps.keys()]);
  if (all !== null) return { isAll: true, since: all, app: null };
  const names = [...new Set(fault.causes.map(({ app }) => app))];
  const app = names.length === 1 && apps.size > 1 ? (names[0] ?? null) : null;
  const ofApp = app === null ? null : sinceLastSuccess(fault, known, names);
  if (ofApp !== null) return { isAll: true, since: ofApp, app };
  return { isAll: false, since: Math.min(...fault.causes.map((cause) => cause.since)), app };
}

/**
 * Since when all calls of these apps have failed with this fault. null if some succeed or fail with
 * another one, or if too few have failed to tell.
 */
function sinceLastSuccess(fault: Fault, known: Known, names: readonly string[]): number | null {
  const { tally, successes, intervalMs, now } = known;
  const tracked = names.reduce((sum, name) => sum + (tally.apps.get(name) ?? 0), 0);
  const after = (causes: readonly FailureCause[]) => {
    const here = causes.filter(({ app }) => names.includes(app));
    return sumOf(here.map(({ afterSuccess }) => afterSuccess));
  };
  const [its, any] = [after(fault.causes), after(known.causes)];
  if (its === null || its.calls < Math.min(EVERYTHING_CALLS, tracked)) return null;
  if (its.calls < (any?.calls ?? 0) * EVERYTHING_SHARE) return null;
  const succeededAt = Math.max(0, ...names.map((name) => successes.get(name) ?? 0));
  if (now - Math.max(succeededAt, its.since) < intervalMs * EVERYTHING_SHARE_OF_TIME) return null;
  // Replicas do not see a fault begin at the same instant.
  return succeededAt > its.since + intervalMs * BEGINNING_SHARE ? null : its.since;
}

function describe({ error, causes, calls }: Fault, scope: Scope, { now, tally }: Known): string {
  const { isAll, since, app } = scope;
  // The calls were counted a little before.
  const many = `${count(calls)} of ${plural(Math.max(tally.tracked, calls), 'call')}`;
  const time = `since ${clockTime(since, now)}`;
  if (isAll) {
    const all = app === null ? 'everything' : `everything of the app ${app}`;
    return `${subject(error)} ${all} ${time} (${many} so far).`;
  }
  const tenants = new Set(causes.map(({ tenantId }) => tenantId));
  const [tenant] = tenants;
  const ofTenants =
    tenants.size === 1 ? `of the tenant ${tenant}` : `of ${count(tenants.size)} tenants`;
  const ofApp = app === null ? '' : `, app ${app}`;
  return `${subject(error)} ${many} ${time}, all ${ofTenants}${ofApp}.`;
}

function subject(error: Reason): string {
  const { status, code, message } = error;
  if (code === 'token') return tokenSubject(message);
  if (status !== null && code === 'foreign')
    return `Something other than Graph answers ${status} to`;
  if (status === 429) return `Graph throttles (${[status, code].filter(Boolean).join(' ')})`;
  if (status !== null) return `Graph answers ${[status, code].filter(Boolean).join(' ')} to`;
  return OWN_SUBJECTS[code ?? ''] ?? `Graph gives no answer (${code ?? 'no code'}) to`;
}

function tokenSubject(message: string): string {
  const entra = entraCodeIn(message);
  if (entra !== null) return `Entra gives no token (${entra}) for`;
  const silence = silenceIn(message);
  // A credential that cannot be read, or the endpoint of a managed identity: not Entra.
  if (silence === null || !message.includes('https://')) return 'Callkeeper gets no token for';
  return `Entra cannot be reached (${silence}), so there is no token for`;
}

const OWN_SUBJECTS: Readonly<Record<string, string>> = {
  app: 'No app of its name is configured for',
  internal: 'A fault inside Callkeeper stops the keepAlives of',
  queued: 'KeepAlives get no turn for',
};

function loss(firstLossAt: number, now: number): string {
  if (firstLossAt <= now) return 'Calls are being lost now.';
  const left = firstLossAt - now;
  const soon = left < HOUR_MS ? ` (in ${shortSpan(left)})` : '';
  return `The first call is lost at ${clockTime(firstLossAt, now)}${soon} unless it recovers.`;
}

function kindOf({ status, code }: Reason): TroubleKind {
  if (code === 'token') return 'token';
  if (code === 'foreign') return 'network';
  if (status !== null) return 'graph';
  return OWN_SUBJECTS[code ?? ''] === undefined ? 'network' : 'callkeeper';
}

function runbookOf({ status, code }: Reason): string {
  if (code === 'token') return 'CallkeeperTokensFailing';
  if (status === 403 || status === 401) return 'CallkeeperGraphRefusing';
  if (status === 429) return 'CallkeeperGraphThrottling';
  if (status !== null && status >= 500 && code !== 'foreign') return 'CallkeeperGraphFailing';
  return 'CallkeeperCallsFailing';
}
