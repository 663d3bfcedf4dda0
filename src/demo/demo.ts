import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { Style } from '../cli/printable.ts';
import { Simulator } from '../simulator/simulator.ts';
import { EmbeddedRedis } from '../store/embedded.ts';
import { AnyReplica } from './any-replica.ts';
import { LEASE_S } from './bot.ts';
import { Bots } from './bots.ts';
import { describeDemo, describeReminder } from './intro.ts';
import { type Key, listenToKeys } from './keys.ts';
import { Narrator } from './narrator.ts';
import { PhoneSystem } from './phone-system.ts';
import { freePorts } from './ports.ts';
import { PromisedCalls } from './promised-calls.ts';
import { RedisOutage } from './redis-outage.ts';
import { Replica, replicaUrl } from './replica.ts';
import { replicaEnvironment } from './replica-environment.ts';
import { readLogLine } from './replica-log.ts';
import { readTruth, seconds, toVerdict } from './verdict.ts';

export interface DemoOptions {
  /** null: runs until it is stopped. */
  readonly lastsS: number | null;
  /** The first of four ports; null: the usual ones. */
  readonly port: number | null;
  /** null: a Redis of its own. Another one is never stopped. */
  readonly redisUrl: string | null;
  /** Ends the demo. The demo aborts it itself if somebody presses Ctrl-C. */
  readonly stop: AbortController;
  /** Ends it at once: replicas that are still stopping are killed. */
  readonly hurry: AbortSignal;
  readonly write: (text: string) => void;
  readonly paint: (style: Style, text: string) => string;
}

const INTERVAL_MS = 10_000;
const DEADLINE_MS = 30_000;
/** The ports of the replicas, Graph and Entra. */
const PORTS = [8080, 8081, 9000, 9443] as const;
const TOTALS_EVERY_MS = 5_000;
/** The keys and the board have scrolled away by then. */
const TURNS_PER_REMINDER = 12;
/** Longer than a turn of the wheel, so that every call is kept alive without Redis once. */
const REDIS_OUT_MS = 15_000;
const BOTS = ['bot-1', 'bot-2'] as const;
/** Short, so that viewers see how the calls of a dead bot are stopped. */
const OWNER_GRACE_MS = 5_000;
const SCALE = {
  intervalMs: INTERVAL_MS,
  deadlineMs: DEADLINE_MS,
  bots: BOTS,
  leaseMs: LEASE_S * 1_000,
  ownerGraceMs: OWNER_GRACE_MS,
};

/**
 * Builds and runs the demo. When everything is stopped, it resolves with whether no call passed its
 * deadline, or rejects if the demo could not be built.
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const { lastsS, port, stop, hurry, write, paint } = options;
  const { signal } = stop;
  await using started = new AsyncDisposableStack();

  const directory = await mkdtemp(join(tmpdir(), 'callkeeper-demo-'));
  started.defer(() => rm(directory, { recursive: true, force: true }));

  const wanted = port === null ? PORTS : ([port, port + 1, port + 2, port + 3] as const);
  const [portA, portB, graphPort, entraPort] = await freePorts(wanted);
  const simulator = new Simulator({
    graphPort,
    entraPort,
    deadlineMs: DEADLINE_MS,
  });
  started.defer(() => simulator.stop());
  await simulator.start();
  const caPath = join(directory, 'ca.pem');
  await writeFile(caPath, simulator.caCertificate);

  const graph = new PhoneSystem(simulator);
  const narrator = new Narrator({
    write,
    paint,
    deadlineMs: DEADLINE_MS,
    lastGapMs: (callId) => graph.lastGapMs(callId),
  });
  const redis = new EmbeddedRedis(directory, logTo(narrator));
  started.defer(() => redis.stop());
  const outage = new RedisOutage({
    pid: () => redis.pid,
    lastsMs: REDIS_OUT_MS,
    onNews: (news) => narrator.news('Redis', news),
  });
  started.defer(() => outage.end());
  const env = replicaEnvironment({
    simulator,
    caPath,
    redisUrl: options.redisUrl ?? (await redis.start()),
    intervalMs: INTERVAL_MS,
    deadlineMs: DEADLINE_MS,
    ownerGraceMs: OWNER_GRACE_MS,
  });

  const promised = new PromisedCalls({
    now: Date.now,
    gapMs: (callId) => graph.worstGapMs(callId),
  });
  const bots = new Bots({
    names: BOTS,
    graph,
    callkeeper: new AnyReplica([portA, portB].map(replicaUrl), Math.random),
    promised,
    random: Math.random,
    onHangUp: (bot, callId, isTold) => narrator.bot(bot, callId, isTold),
    onNews: (bot, news) => narrator.news(bot, news),
  });
  const replicas = Object.entries({ A: portA, B: portB }).map(([name, port]) => {
    const onLine = (line: string) => {
      const told = readLogLine(line);
      if (told) narrator.replica(name, told);
      if (told?.kind === 'untracked' && told.detail === 'owner-lost') bots.ownerLost(told.callId);
    };
    const onNews = (news: string) => narrator.news(`replica ${name}`, news);
    return new Replica({ name, port, env, directory, onLine, onNews });
  });
  started.defer(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
  });
  hurry.addEventListener('abort', () => {
    for (const replica of replicas) replica.kill();
  });
  write('Starting two replicas …\n');
  await Promise.all(replicas.map((replica) => replica.start(signal)));

  const stopsRedis: Key = {
    key: 'r',
    does: `stops Redis for ${seconds(REDIS_OUT_MS)}`,
    press: () => outage.begin(),
  };
  const keys: readonly Key[] = [
    { key: 'k', does: 'kills a replica', press: killerOf(replicas, narrator) },
    ...(options.redisUrl === null ? [stopsRedis] : []),
    { key: 'b', does: 'kills a bot, or brings it back', press: () => bots.killOrStart() },
  ];
  const { stdin } = process;
  const shown = stdin.isTTY ? keys : [];
  if (!signal.aborted) write(describeDemo({ ...SCALE, replicas, simulator, keys: shown }, paint));

  started.defer(() => bots.stop());
  bots.start();
  if (stdin.isTTY) started.defer(listenToKeys(stdin, keys, () => stop.abort()));
  const truth = () => readTruth(simulator.summary(), promised.all, DEADLINE_MS);
  const timeIsUp = AbortSignal.timeout((lastsS ?? 0) * 1_000);
  const over = lastsS === null ? signal : AbortSignal.any([signal, timeIsUp]);
  for (let turn = 1; !over.aborted; turn++) {
    await sleep(TOTALS_EVERY_MS, undefined, { signal: over }).catch(() => undefined);
    narrator.totals(truth());
    if (turn % TURNS_PER_REMINDER === 0) write(describeReminder({ replicas, keys: shown }, paint));
  }
  const verdict = toVerdict(truth(), DEADLINE_MS, !signal.aborted);
  write('Stopping …\n');
  await started.disposeAsync();
  write(`${paint(verdict.passed ? 'green' : 'red', verdict.text)}\n`);
  return verdict.passed;
}

function logTo(narrator: Narrator) {
  const write = (line: string) => {
    const told = readLogLine(line);
    if (told?.kind === 'said') narrator.news('Redis', told.text);
  };
  return pino({ level: 'warn', base: null }, { write });
}

/** Kills the replicas in turn, so that each shows that it can do without the other. */
function killerOf(replicas: readonly Replica[], narrator: Narrator): () => void {
  let next = 0;
  return () => {
    const running = replicas.filter((replica) => replica.running);
    if (running.length === 0)
      narrator.news('', 'no replica runs: each is started again in a moment');
    running[next++ % running.length]?.kill();
  };
}
