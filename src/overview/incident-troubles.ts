import { clockTime, count, plural } from '../calls/wording.ts';
import { faultOf } from './causes.ts';
import { fixOf } from './fixes.ts';
import { reasonOf } from './incident-words.ts';
import type { CallIncident, Incident } from './incidents.ts';
import type { Known, Severity, Trouble } from './trouble.ts';

/** The losses of the last day, and replicas that are gone and were not replaced. */
export function incidentTroubles(known: Known): Trouble[] {
  return [...lossTrouble(known), ...unknownTrouble(known), ...replicaTroubles(known)];
}

function lossTrouble(known: Known): Trouble[] {
  const { now, deadlineMs } = known;
  const lost = summed(known.incidents, 'lost');
  if (lost === null) return [];
  const isFresh = now - lost.until < deadlineMs;
  const were = lost.calls === 1 ? 'was' : 'were';
  const why = lost.error === null ? '' : ` (${reasonOf(lost.error)})`;
  return [
    {
      kind: 'lost',
      severity: isFresh ? 'critical' : 'notice',
      sentence: `${plural(lost.calls, 'call')} ${were} lost ${when(lost, now)}: no keepAlive succeeded in time${why}.`,
      since: lost.from,
      calls: lost.calls,
      firstLossAt: null,
      todo: todoOfLoss(lost, known),
      runbook: 'CallkeeperCallExpired',
    },
  ];
}

/** Lost calls need their bots. The cause may still threaten other calls, now or later. */
function todoOfLoss({ calls, error }: CallIncident, { causes }: Known): string {
  const rejoin = `The bots must join ${calls === 1 ? 'this call' : 'these calls'} again.`;
  if (error === null) return rejoin;
  const isFailing = causes.some((cause) => faultOf(cause.error) === faultOf(error));
  const when = isFailing ? 'For the calls that are left' : 'If that is not mended yet';
  return `${rejoin} ${when}: ${fixOf(error)}`;
}

function unknownTrouble(known: Known): Trouble[] {
  const { now, deadlineMs } = known;
  const unknown = summed(known.incidents, 'unknown');
  if (unknown === null) return [];
  const severity: Severity = now - unknown.until < deadlineMs ? 'warning' : 'notice';
  return [
    {
      kind: 'unknown',
      severity,
      sentence: `${plural(unknown.calls, 'call')} ended ${when(unknown, now)} without ever having been renewed: Graph does not know ${unknown.calls === 1 ? 'this id' : 'these ids'}.`,
      since: unknown.from,
      calls: unknown.calls,
      firstLossAt: null,
      todo: 'Compare the id, the tenant and GRAPH_CLOUD with those of the bot.',
      runbook: 'CallkeeperCallsUnknown',
    },
  ];
}

function replicaTroubles({ incidents, replicas, now, tally }: Known): Trouble[] {
  const gone = incidents.filter((one) => one.kind === 'replica').sort((a, b) => a.from - b.from);
  // Each replica that began since then has taken the place of one.
  const begun = replicas.flatMap(({ startedAt }) => startedAt ?? []).sort((a, b) => a - b);
  const missing = gone.filter(({ from }) => {
    const heir = begun.findIndex((startedAt) => startedAt > from);
    if (heir >= 0) begun.splice(heir, 1);
    return heir < 0;
  });
  const [first] = missing;
  if (!first) return [];
  const { length: left } = replicas;
  const who =
    missing.length === 1
      ? `The replica ${first.replica} went`
      : `${count(missing.length)} replicas went`;
  const rest = left === 1 ? 'One is left, and does' : `${count(left)} are left, and do`;
  return [
    {
      kind: 'replica',
      severity: 'warning',
      sentence: `${who} away at ${clockTime(first.from, now)} without being stopped. ${rest} all the work.`,
      since: first.from,
      calls: tally.tracked,
      firstLossAt: null,
      todo: 'Find out why it ended (its last log lines, its exit code, the memory of its host), and start it again.',
      runbook: 'CallkeeperReplicaDown',
    },
  ];
}

/** All incidents of a kind as one, with the reason of most of the calls. */
function summed(incidents: readonly Incident[], kind: CallIncident['kind']): CallIncident | null {
  const found = incidents.filter((one): one is CallIncident => one.kind === kind);
  const most = found.toSorted((a, b) => b.calls - a.calls)[0];
  if (!most) return null;
  return {
    ...most,
    from: Math.min(...found.map(({ from }) => from)),
    until: Math.max(...found.map(({ until }) => until)),
    calls: found.reduce((sum, { calls }) => sum + calls, 0),
  };
}

function when({ from, until }: CallIncident, now: number): string {
  const [first, last] = [clockTime(from, now), clockTime(until, now)];
  return first === last ? `at ${first}` : `between ${first} and ${last}`;
}
