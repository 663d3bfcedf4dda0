import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, Client, type Request } from '../measure/load.ts';
import { type Spread, spreadOf } from '../measure/statistics.ts';
import { dateline } from '../page/page.ts';
import { ms, number, type Target, table, targetTable } from '../page/table.ts';
import { SLOTS, writeCalls } from '../world/calls.ts';
import { Daemon } from '../world/daemon.ts';
import type { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import { type Section, sized } from './section.ts';

const CLIENTS = 10;
const BATCH = 1_000;
/** Each client has one of its own, as bots would: the limit counts by key. */
const KEYS = Array.from({ length: CLIENTS }, (_, i) => `bench-client-${i}-${'x'.repeat(24)}`);
/** The wheel that turns meanwhile: as many keepAlives a second as of a million calls. */
const TURNING = { calls: 20_000, intervalMs: 18_000 };

interface Rush {
  readonly accepted: number;
  readonly refused: number;
  readonly other: number;
  readonly seconds: number;
  /** From the start to the last first keepAlive. */
  readonly drainedSeconds: number;
  readonly tracking: Spread;
  /** Of `GET /calls/{id}`, asked ten times a second meanwhile. */
  readonly reading: Spread;
  readonly loopMax: number;
}

/**
 * Many calls tracked at once by ten clients that obey `Retry-After`, with the limit of
 * requests as it is by default, while the wheel turns.
 */
export const rush: Section = async ({ microsoft, options, say }) => {
  const calls = sized(options, { smoke: 2_000, normal: 100_000, full: 100_000 });
  const rows: string[][] = [];
  const targets: Target[] = [];
  for (const [title, size] of [
    ['one by one', 1],
    [`${number(BATCH)} a request`, Math.min(BATCH, calls / CLIENTS)],
  ] as const) {
    say(`rush: ${calls} calls, ${title}`);
    const rush = await run(microsoft, calls, size);
    rows.push([
      title,
      number(rush.accepted),
      number(rush.refused),
      `${number(rush.seconds)} s`,
      `${number(rush.drainedSeconds)} s`,
      ms(rush.tracking.p50),
      ms(rush.tracking.p99),
      ms(rush.reading.p99),
      ms(rush.loopMax),
    ]);
    targets.push({
      what: `${title}: all accepted, or 429 with \`Retry-After\``,
      wanted: `${number(calls)} and 0 others`,
      measured: `${number(rush.accepted)} and ${rush.other} others`,
      met: rush.accepted === calls && rush.other === 0,
    });
  }
  const head = [
    '',
    'calls accepted',
    '429s on the way',
    'all tracked after',
    'all kept alive after',
  ];
  const parts = [
    table([...head, 'track p50', 'p99', '`GET` p99', 'longest stall'], rows),
    targetTable(targets),
    dateline(options.mode, 'one round'),
  ];
  return { markdown: parts.join('\n\n') };
};

async function run(microsoft: Microsoft, calls: number, size: number): Promise<Rush> {
  await using redis = await BenchRedis.start();
  const { intervalMs } = TURNING;
  await writeCalls(redis.url, { intervalMs, slots: SLOTS }, TURNING.calls);
  const env = { API_KEYS: KEYS.join(','), RATE_LIMIT: '1000' };
  await using daemon = await Daemon.start({ microsoft, redisUrl: redis.url, intervalMs, env });
  await sleep(2_000);
  const known = randomUUID();
  const bystander = await Client.open(daemon.url);
  const as = (key: number) => ({ authorization: `Bearer ${KEYS[key]}` });
  await bystander.send({
    method: 'POST',
    path: `/calls/${known}/track`,
    body: '{}',
    headers: as(0),
  });
  await daemon.child.ask('watchLoop');

  const over = new AbortController();
  const reading = read(
    bystander,
    { method: 'GET', path: `/calls/${known}`, body: '', headers: as(0) },
    over.signal,
  );
  const startedAt = performance.now();
  const clients = await Promise.all(
    KEYS.map((_, i) => track(daemon.url, as(i), calls / CLIENTS, size)),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  await everRenewed(redis);
  const drainedSeconds = (performance.now() - startedAt) / 1_000;
  over.abort();
  const sum = (of: (client: Tracked) => number) => clients.reduce((all, one) => all + of(one), 0);
  const result = {
    accepted: sum(({ accepted }) => accepted),
    refused: sum(({ refused }) => refused),
    other: sum(({ other }) => other),
    seconds,
    drainedSeconds,
    tracking: spreadOf(clients.flatMap(({ latencies }) => latencies)),
    reading: spreadOf(await reading),
    loopMax: (await daemon.child.loopDelay()).max,
  };
  bystander.close();
  return result;
}

interface Tracked {
  accepted: number;
  refused: number;
  other: number;
  readonly latencies: number[];
}

/** One client: so many calls, so many a request; waits as it is told, and asks again. */
async function track(
  url: string,
  headers: Record<string, string>,
  calls: number,
  size: number,
): Promise<Tracked> {
  const client = await Client.open(url);
  const tracked: Tracked = { accepted: 0, refused: 0, other: 0, latencies: [] };
  for (let left = calls; left > 0; left -= size) {
    const request = { ...trackRequest(Math.min(size, left)), headers };
    let answer: Answer;
    do {
      const sentAt = performance.now();
      answer = await client.send(request);
      tracked.latencies.push(performance.now() - sentAt);
      if (answer.status !== 429 || answer.retryAfter === null) break;
      tracked.refused++;
      await sleep(1_000 * answer.retryAfter);
    } while (answer.status === 429);
    if (answer.status === 200 || answer.status === 201) tracked.accepted += Math.min(size, left);
    else tracked.other++;
  }
  client.close();
  return tracked;
}

function trackRequest(size: number): Request {
  if (size === 1) return { method: 'POST', path: `/calls/${randomUUID()}/track`, body: '{}' };
  const calls = Array.from({ length: size }, () => ({ id: randomUUID() }));
  return { method: 'POST', path: '/calls/track', body: JSON.stringify({ calls }) };
}

async function read(client: Client, request: Request, over: AbortSignal): Promise<number[]> {
  const latencies: number[] = [];
  while (!over.aborted) {
    const sentAt = performance.now();
    const { status } = await client.send(request);
    if (status !== 200) throw new Error(`GET answered ${status}`);
    latencies.push(performance.now() - sentAt);
    await sleep(100);
  }
  return latencies;
}

const MOST_DRAIN_MS = 300_000;

/** Waits until no call in Redis has never been renewed. */
async function everRenewed(redis: BenchRedis): Promise<void> {
  const until = performance.now() + MOST_DRAIN_MS;
  while (performance.now() < until) {
    if ((await redis.countUnproven()) === 0) return;
    await sleep(500);
  }
  throw new Error('there are calls that were never kept alive');
}
