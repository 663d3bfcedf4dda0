import { clockTime, plural } from '../calls/wording.ts';
import { failureTroubles } from './failure-troubles.ts';
import { incidentTroubles } from './incident-troubles.ts';
import { type Known, SEVERITIES, type Trouble } from './trouble.ts';

/** All troubles, the worst first. */
export function troublesOf(known: Known): Trouble[] {
  return [
    ...failureTroubles(known),
    ...redisTrouble(known),
    ...incidentTroubles(known),
    ...unreadyTrouble(known),
  ].sort(
    (a, b) =>
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      (a.firstLossAt ?? Infinity) - (b.firstLossAt ?? Infinity) ||
      b.calls - a.calls,
  );
}

function redisTrouble({ redis, tally, now }: Known): Trouble[] {
  if (redis.up) return [];
  const { cause, fix, since } = redis;
  const sinceText = since === null ? '' : ` since ${clockTime(since, now)}`;
  const why = cause === null ? '' : `: ${cause}`;
  const { tracked } = tally;
  const memory = `This replica keeps ${plural(tracked, 'call')} alive from memory.`;
  return [
    {
      kind: 'redis',
      severity: 'critical',
      sentence: `Redis is out${sinceText}${why}. ${memory}`,
      since,
      calls: tracked,
      firstLossAt: null,
      todo: fix,
      runbook: 'CallkeeperRedisOut',
    },
  ];
}

/** Nothing while Redis is out: then that is the reason, and redisTrouble says so. */
function unreadyTrouble({ unready, redis, tally }: Known): Trouble[] {
  if (!redis.up || unready.length === 0) return [];
  return [
    {
      kind: 'unready',
      severity: 'warning',
      sentence: `The replica that answers is not ready: ${unready.join('; ')}.`,
      since: null,
      calls: tally.tracked,
      firstLossAt: null,
      todo: 'Run callkeeper check beside it, and see its log.',
      runbook: 'CallkeeperWheelStopped',
    },
  ];
}
