import type { BotCall } from './bot.ts';
import { isGraphsOwn200, isGraphsOwn404, type Life, readLives } from './lives.ts';
import {
  readMetrics,
  removalsInEvents,
  removalsInLogs,
  type Samples,
  type SeenRemoval,
  total,
} from './observations.ts';
import { DEADLINE_MS, INTERVAL_MS, type World } from './world.ts';

/**
 * What the fault of a scenario permits. The defaults are for a time in which Redis and Graph are
 * well.
 */
export interface Allowance {
  /** Redis was out: replicas that cannot see each other may each publish the same ending. */
  redisWasOut?: boolean;
  /** Redis lost its events, so the logs count instead. */
  redisLostData?: boolean;
  /** No replica was killed, and every request reached Graph. */
  metricsEqualLedger?: boolean;
  /** Calls that could not be kept because Graph was out. */
  mayDie?: (call: BotCall) => boolean;
}

export interface Verdict {
  /** Each begins with its kind and a colon; empty if all is well. */
  readonly violations: readonly string[];
  readonly summary: string;
}

/** A request in flight has 2 s (`durationsFor().graph.totalMs`); the rest is for a busy machine. */
const IN_FLIGHT_MS = 3_500;
/** A turn comes once an interval; the watch and a busy machine may add this. */
const TURN_SLACK_MS = 3_000;

/** The calls that Callkeeper forgot. Call it while the bot still wants its calls. */
export function forgotten(world: World, { mayDie }: Allowance): string[] {
  const now = Date.now();
  const wanted = readLives(world).filter(
    ({ call }) => call.stopAskedAt === null && call.hungUpAt === null && !mayDie?.(call),
  );
  return wanted.flatMap(({ call, keptAliveAt }) => {
    const ageMs = now - Math.max(call.trackedAt, keptAliveAt ?? 0);
    if (ageMs <= INTERVAL_MS + TURN_SLACK_MS) return [];
    return [`forgotten: ${call.id}, for ${ageMs} ms, tracked ${now - call.trackedAt} ms ago`];
  });
}

/** Checks the simulator's ledger, once every call was stopped or hung up. */
export async function checkOracles(world: World, allow: Allowance): Promise<Verdict> {
  const events = await removalsInEvents(world);
  const logs = removalsInLogs(world);
  const metrics = await readMetrics(world);
  const lives = readLives(world, events, logs);
  const violations = lives.flatMap((life) => [
    ...deadlinePassed(life, allow),
    ...postedAfterItsEnd(world, life),
    ...endedWithoutGraph(life),
    ...endedWithoutEvidence(life),
    ...publishedWrongly(life, allow),
  ]);
  if (allow.metricsEqualLedger) violations.push(...metricsUnlike(world, metrics));
  return { violations, summary: summarise(world, lives, metrics) };
}

function summarise(world: World, lives: readonly Life[], metrics: Samples): string {
  const counter = (name: string) => total(metrics, `callkeeper_${name}_total`);
  return [
    `keepAlives ${world.simulator.ledger.keepAlives.length}`,
    `worst gap ${lives.reduce((worst, { worstGapMs }) => Math.max(worst, worstGapMs), 0)} ms`,
    `calls ${lives.length}`,
    `lost ${lives.filter(({ died }) => died).length}`,
    `missed turns ${counter('missed_turns')}`,
    `workers replaced ${counter('workers_replaced')}`,
    `written back ${counter('calls_written_back')}`,
    `replicas ${world.replicas.length}`,
  ].join(', ');
}

/** Counts even if Graph was late to end the call: the deadline is ours to keep. */
function deadlinePassed({ call, records, died, worstGapMs }: Life, allow: Allowance): string[] {
  if (allow.mayDie?.(call) || (!died && worstGapMs <= DEADLINE_MS)) return [];
  const last = records.slice(-8).map(({ at, answer }) => `${at - call.createdAt}: ${answer}`);
  const known = call.durable ? '' : `; known to ${call.by.name} alone`;
  return [`passed its deadline: ${call.id}, ${worstGapMs} ms (${last.join(', ')})${known}`];
}

function postedAfterItsEnd(world: World, { call, records, overAt }: Life): string[] {
  const forbid = (at: number | null, why: string): string[] => {
    if (at === null) return [];
    const from = world.knownFrom(at) + IN_FLIGHT_MS;
    const late = records.filter((record) => record.at > from);
    if (late.length === 0) return [];
    const when = late.slice(0, 5).map((record) => `+${record.at - at} ms ${record.answer}`);
    return [`posted after ${why}: ${call.id}, ${late.length} times (${when.join(', ')})`];
  };
  return [
    ...forbid(call.stoppedAt, 'an acknowledged DELETE'),
    ...forbid(call.stoppedSoftlyAt, 'a DELETE taken while Redis was out'),
    ...forbid(call.registrations === 1 ? overAt : null, 'Graph said it is over'),
  ];
}

function endedWithoutGraph({ call, events, logs, overAt }: Life): string[] {
  const ended = [...events, ...logs].some(({ removal }) => removal === 'ended');
  return ended && overAt === null ? [`ended though Graph did not say so: ${call.id}`] : [];
}

function endedWithoutEvidence({ call, events }: Life): string[] {
  const isBare = events.some(({ removal, code }) => removal === 'ended' && code !== '8522');
  return isBare ? [`ended without Graph's words for it: ${call.id} (${show(events)})`] : [];
}

/** Each ending is published once, at most as often as the call was tracked; nothing else is. */
function publishedWrongly({ call, events, logs, overAt }: Life, allow: Allowance): string[] {
  const seen = `${call.id} (events: ${show(events)}; logs: ${show(logs)})`;
  const { registrations } = call;
  if (events.length > registrations) return [`published too often: ${seen}`];
  if (!allow.redisWasOut && logs.length > registrations) return [`logged more than once: ${seen}`];
  const times = allow.redisLostData ? events.length + logs.length : events.length;
  if ((overAt !== null || call.stoppedAt !== null) && times === 0)
    return [`neither published nor logged: ${seen}`];
  const goesOn = overAt === null && call.stopAskedAt === null && !allow.mayDie?.(call);
  if (goesOn && events.length + logs.length > 0)
    return [`published or logged as removed, but it goes on: ${seen}`];
  return [];
}

function show(removals: readonly SeenRemoval[]): string {
  return removals.map(({ removal }) => removal).join(' ') || 'nothing';
}

function metricsUnlike({ simulator }: World, metrics: Samples): string[] {
  const { keepAlives } = simulator.ledger;
  const of = (outcome: string) =>
    total(metrics, 'callkeeper_keepalives_total', `outcome="${outcome}"`);
  const compared: [what: string, metric: number, ledger: number][] = [
    ['all', total(metrics, 'callkeeper_keepalives_total'), keepAlives.length],
    ['renewed', of('renewed'), keepAlives.filter(isGraphsOwn200).length],
    ['ended', of('ended'), keepAlives.filter(isGraphsOwn404).length],
    ['unauthorized', of('unauthorized'), keepAlives.filter(({ answer }) => answer === 401).length],
  ];
  return compared
    .filter(([, metric, ledger]) => metric !== ledger)
    .map(([what, metric, ledger]) => `metrics: ${metric} keepAlives (${what}), ledger ${ledger}`);
}
