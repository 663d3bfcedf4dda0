import { setTimeout as sleep } from 'node:timers/promises';
import { dateline } from '../page/page.ts';
import { atMost, megabytes, ms, number, type Target, table, targetTable } from '../page/table.ts';
import { SLOTS, writeCalls } from '../world/calls.ts';
import { Daemon } from '../world/daemon.ts';
import { BenchRedis, SLOW_US } from '../world/redis.ts';
import { type Section, sized } from './section.ts';

/** The real one: a million calls make 1,111 keepAlives a second. */
const INTERVAL_MS = 15 * 60_000;

/** A million calls in one Redis, and one replica that turns the wheel alone. */
export const million: Section = async ({ microsoft, options, say }) => {
  const calls = sized(options, { smoke: 20_000, normal: 100_000, full: 1_000_000 });
  const windowMs = sized(options, { smoke: 10_000, normal: 60_000, full: 240_000 });
  const wheel = { intervalMs: INTERVAL_MS, slots: SLOTS };
  await using redis = await BenchRedis.start();
  say(`million: ${calls} calls are written`);
  await writeCalls(redis.url, wheel, calls);
  await redis.client.slowlog('RESET');
  await using daemon = await Daemon.start({
    microsoft,
    redisUrl: redis.url,
    intervalMs: INTERVAL_MS,
  });
  const { graph } = microsoft;
  say(`million: the replica started in ${ms(daemon.startMs)}`);
  await sleep(windowMs / 12);

  await Promise.all([graph.reset(wheel), daemon.child.ask('watchLoop')]);
  const [before, redisBefore] = [await daemon.child.usage(), await redis.cpuUs()];
  await sleep(windowMs);
  const [after, redisAfter] = [await daemon.child.usage(), await redis.cpuUs()];
  const keepAlives = await graph.count();
  const [lateness, loop] = [await graph.turnLateness(), await daemon.child.loopDelay()];
  const [memory, slow] = [await redis.bytes(), await redis.slowest()];
  say('million: GET /calls is read through');
  await daemon.child.ask('watchLoop');
  const reading = await readThrough(daemon.url);
  const loopReading = await daemon.child.loopDelay();
  if (reading.calls !== calls) throw new Error(`GET /calls told of ${reading.calls} calls`);
  const { rss } = await daemon.child.usage();

  const elapsedMs = after.at - before.at;
  const [nodeUs, redisUs] = [after.cpuUs - before.cpuUs, redisAfter - redisBefore];
  const share = (us: number) => `${number(us / 10 / elapsedMs)} % of a core`;
  const rows = [
    ['keepAlives', `${number((1_000 * keepAlives) / elapsedMs)} a second`],
    ['CPU of the replica', `${share(nodeUs)}, ${number(nodeUs / keepAlives)} µs a keepAlive`],
    ['CPU of Redis', `${share(redisUs)}, ${number(redisUs / keepAlives)} µs a keepAlive`],
    ['memory of Redis', `${megabytes(memory)}, ${number(memory / calls)} bytes a call`],
    ['memory of the replica (RSS)', `${megabytes(after.rss)}; ${megabytes(rss)} after the reading`],
    [
      'after the turn of its slot',
      `p50 ${ms(lateness.p50)}, p99 ${ms(lateness.p99)}, max ${ms(lateness.max)}`,
    ],
    ['delay of the event loop', `p50 ${ms(loop.p50)}, p99 ${ms(loop.p99)}, max ${ms(loop.max)}`],
    ['start of a replica', ms(daemon.startMs)],
    [
      '`GET /calls` read through',
      `${ms(reading.elapsedMs)}, ${number(reading.pages)} pages; loop at most ${ms(loopReading.max)}`,
    ],
    [`commands of Redis over ${SLOW_US / 1_000} ms`, describeSlow(slow)],
  ];
  const targets: Target[] = [
    atMost('longest stall of the event loop', 50, loop.max, ' ms'),
    atMost('Redis CPU a keepAlive', 5, redisUs / keepAlives, ' µs'),
    atMost('Redis memory a call', 350, memory / calls, ' B'),
    atMost(`commands of Redis over ${SLOW_US / 1_000} ms`, 0, slow.length),
  ];
  const width = ms(INTERVAL_MS / SLOTS);
  const parts = [
    table([`${number(calls)} calls, 15 minutes`, ''], rows),
    `A slot's calls are spread over its width, ${width}: up to that, "after the turn" is by design.`,
    targetTable(targets),
    dateline(options.mode, `over ${windowMs / 1_000} s`),
  ];
  return { markdown: parts.join('\n\n') };
};

/** All pages of 1,000, one after the other. */
async function readThrough(url: string) {
  const startedAt = performance.now();
  let [calls, pages] = [0, 0];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: '1000', ...(cursor === null ? {} : { cursor }) });
    const answer = await fetch(`${url}/calls?${query}`);
    if (!answer.ok) throw new Error(`GET /calls answered ${answer.status}`);
    const page = (await answer.json()) as { calls: unknown[]; next: string | null };
    calls += page.calls.length;
    pages++;
    cursor = page.next;
  } while (cursor !== null);
  return { calls, pages, elapsedMs: performance.now() - startedAt };
}

function describeSlow(slow: readonly [string, number][]): string {
  const [longest] = slow;
  if (!longest) return 'none';
  const names = [...new Set(slow.map(([name]) => name))].join(', ');
  return `${slow.length} (${names}), the longest ${ms(longest[1])}`;
}
