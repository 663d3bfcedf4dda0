import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Simulator } from '../simulator/simulator.ts';
import { EmbeddedRedis } from '../store/embedded.ts';
import { Bot } from './bot.ts';
import { describeDemo } from './intro.ts';
import { type Key, listenToKeys } from './keys.ts';
import { Narrator } from './narrator.ts';
import { freePorts } from './ports.ts';
import { RedisOutage } from './redis-outage.ts';
import { Replica } from './replica.ts';
import { replicaEnvironment } from './replica-environment.ts';
import { readLogLine } from './replica-log.ts';
import { judge, readTruth, seconds } from './verdict.ts';

export interface DemoOptions {
  /** null: until it is stopped. */
  readonly lastsS: number | null;
  /** First of four ports; null: those that one would guess. */
  readonly port: number | null;
  /** Ends the demo; aborted here, too, where somebody asks for the end by a key. */
  readonly stop: AbortController;
  /** Ends it without manners: replicas that still stop are killed. */
  readonly hurry: AbortSignal;
  readonly write: (text: string) => void;
}

const INTERVAL_MS = 10_000;
const DEADLINE_MS = 30_000;
/** Of the replicas, of Graph and of Entra. */
const PORTS = [8080, 8081, 9000, 9443] as const;
const TOTALS_EVERY_MS = 5_000;
/** Longer than a turn of the wheel: all that is kept alive meanwhile is so without Redis. */
const REDIS_OUT_MS = 15_000;

/**
 * Builds and runs the demo. Resolves with whether no call passed its deadline,
 * when nothing of it is left; rejects where it could not be built, likewise.
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const { lastsS, port, stop, hurry, write } = options;
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

  const narrator = new Narrator({
    write,
    deadlineMs: DEADLINE_MS,
    lastGapMs: (callId) => lastGap(simulator, callId),
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
    redisUrl: await redis.start(),
    intervalMs: INTERVAL_MS,
    deadlineMs: DEADLINE_MS,
  });

  const replicas = Object.entries({ A: portA, B: portB }).map(([name, port]) => {
    const onLine = (line: string) => {
      const told = readLogLine(line);
      if (told) narrator.replica(name, told);
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

  const bot = new Bot({
    graph: simulator,
    replicas: replicas.map(({ url }) => url),
    random: Math.random,
    onHangUp: (callId, isTold) => narrator.bot(callId, isTold),
  });
  const keys: readonly Key[] = [
    { key: 'k', does: 'kills a replica (SIGKILL)', press: killerOf(replicas) },
    { key: 'r', does: `stops Redis for ${seconds(REDIS_OUT_MS)}`, press: () => outage.begin() },
  ];
  const { stdin } = process;
  if (stdin.isTTY) started.defer(listenToKeys(stdin, keys, () => stop.abort()));
  const intro = { replicas, simulator, intervalMs: INTERVAL_MS, deadlineMs: DEADLINE_MS };
  if (!signal.aborted) write(describeDemo({ ...intro, keys: stdin.isTTY ? keys : [] }));

  const running = bot.run();
  started.defer(async () => {
    bot.stop();
    await running;
  });
  const truth = () => readTruth(simulator.summary(), bot.promised, DEADLINE_MS);
  const timeIsUp = AbortSignal.timeout((lastsS ?? 0) * 1_000);
  const over = lastsS === null ? signal : AbortSignal.any([signal, timeIsUp]);
  while (!over.aborted) {
    await sleep(TOTALS_EVERY_MS, undefined, { signal: over }).catch(() => undefined);
    narrator.totals(truth());
  }
  const verdict = judge(truth(), DEADLINE_MS, !signal.aborted);
  write('Stopping …\n');
  await started.disposeAsync();
  write(`${verdict.text}\n`);
  return verdict.passed;
}

/** What embedded Redis has to say that matters to somebody who watches. */
function logTo(narrator: Narrator) {
  const write = (line: string) => {
    const told = readLogLine(line);
    if (told?.kind === 'said') narrator.news('Redis', told.text);
  };
  return pino({ level: 'warn', base: null }, { write });
}

/** Kills one after the other, so that either shows that it can do without the other. */
function killerOf(replicas: readonly Replica[]): () => void {
  let next = 0;
  return () => {
    const running = replicas.filter((replica) => replica.running);
    running[next++ % running.length]?.kill();
  };
}

function lastGap(simulator: Simulator, callId: string): number | null {
  const successes = simulator.ledger.of(callId).filter(({ answer }) => answer === 200);
  const createdAt = () => simulator.summary().find(({ id }) => id === callId)?.createdAt;
  const last = successes.at(-1)?.at;
  const before = successes.at(-2)?.at ?? createdAt();
  return last === undefined || before === undefined ? null : last - before;
}
