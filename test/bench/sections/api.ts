import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadResult, load, type Request } from '../measure/load.ts';
import { median, mediansOf } from '../measure/statistics.ts';
import { dateline } from '../page/page.ts';
import { atLeast, ms, number, table, targetTable } from '../page/table.ts';
import { Child } from '../world/child.ts';
import { Daemon } from '../world/daemon.ts';
import { BenchRedis } from '../world/redis.ts';
import { type Section, sized } from './section.ts';

const CONNECTIONS = 32;
const BATCH = 1_000;
const BODY = JSON.stringify({ labels: { room: 'board' } });

interface Rate {
  readonly requestsPerSecond: number;
  readonly callsPerSecond: number;
  /** CPU of the server a request. */
  readonly cpuUs: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * The API beside an empty route of stock Fastify, in turns. A call that is new gets its
 * first keepAlive at once, in the same process; what a known call costs is the API alone.
 */
export const api: Section = async ({ microsoft, options, say }) => {
  const requests = sized(options, { smoke: 500, normal: 10_000, full: 20_000 });
  const batches = sized(options, { smoke: 2, normal: 20, full: 50 });
  await using redis = await BenchRedis.start();
  await using daemon = await Daemon.start({ microsoft, redisUrl: redis.url });
  await using empty = new Child(new URL('../empty-route.ts', import.meta.url), { role: 'subject' });
  const emptyUrl = await empty.ask<string>('url');

  const measured = new Map<string, Rate[]>();
  const measure = async (
    title: string,
    server: Child,
    callsEach: number,
    act: () => Promise<LoadResult>,
  ) => {
    const before = await server.usage();
    const result = await act();
    const after = await server.usage();
    const wrong = Object.keys(result.statuses).filter((status) => !status.startsWith('20'));
    if (wrong.length > 0) throw new Error(`${title}: answered ${wrong.join(', ')}`);
    const rates = measured.get(title) ?? [];
    measured.set(title, rates);
    rates.push({
      requestsPerSecond: result.perSecond,
      callsPerSecond: callsEach * result.perSecond,
      cpuUs: (after.cpuUs - before.cpuUs) / result.requests,
      p50: result.latency.p50,
      p99: result.latency.p99,
    });
  };

  for (let round = 0; round <= options.rounds; round++) {
    if (round === 1) measured.clear(); // the first is for warming up
    say(`api: round ${round} of ${options.rounds}`);
    const ids = Array.from({ length: requests }, () => randomUUID());
    await measure(EMPTY, empty, 1, () => load(emptyUrl, CONNECTIONS, singles(ids)));
    await measure(NEW, daemon.child, 1, () => load(daemon.url, CONNECTIONS, singles(ids)));
    await quiet(daemon);
    await measure(KNOWN, daemon.child, 1, () => load(daemon.url, CONNECTIONS, singles(ids)));
    await measure(BATCHED, daemon.child, BATCH, () => load(daemon.url, 2, inBatches(batches)));
    await quiet(daemon);
  }
  const rates = new Map([...measured].map(([title, all]) => [title, mediansOf(all)]));
  const rate = (title: string) => rates.get(title)?.requestsPerSecond ?? Number.NaN;
  const callsOf = (title: string) => rates.get(title)?.callsPerSecond ?? Number.NaN;
  const ratio = (title: string) =>
    median(
      (measured.get(title) ?? []).map(
        ({ requestsPerSecond }, i) =>
          requestsPerSecond / (measured.get(EMPTY)?.[i]?.requestsPerSecond ?? Number.NaN),
      ),
    );
  const parts = [
    table(
      ['', 'requests/s', 'calls/s', '× the empty route', 'server µs a request', 'p50', 'p99'],
      [...rates].map(([title, { requestsPerSecond, callsPerSecond, cpuUs, p50, p99 }]) => [
        title,
        number(requestsPerSecond),
        number(callsPerSecond),
        number(requestsPerSecond / rate(EMPTY)),
        number(cpuUs),
        ms(p50),
        ms(p99),
      ]),
    ),
    targetTable([
      atLeast('a known call, by the empty route', 0.5, ratio(KNOWN), ' ×'),
      atLeast('a new call with its first keepAlive, by the empty route', 0.5, ratio(NEW), ' ×'),
      atLeast('calls a second in batches, by single', 10, callsOf(BATCHED) / callsOf(NEW), ' ×'),
    ]),
    dateline(options.mode, `medians of ${options.rounds} interleaved rounds`),
  ];
  return { markdown: parts.join('\n\n') };
};

const EMPTY = 'an empty Fastify route, same schema and body';
const NEW = '`POST /calls/{id}/track`, new calls';
const KNOWN = '`POST /calls/{id}/track`, known calls';
const BATCHED = `\`POST /calls/track\`, ${number(BATCH)} new calls each`;

function* singles(ids: readonly string[]): Generator<Request> {
  for (const id of ids) yield { method: 'POST', path: `/calls/${id}/track`, body: BODY };
}

function* inBatches(count: number): Generator<Request> {
  for (let i = 0; i < count; i++) {
    const calls = Array.from({ length: BATCH }, () => ({
      id: randomUUID(),
      labels: { room: 'board' },
    }));
    yield { method: 'POST', path: '/calls/track', body: JSON.stringify({ calls }) };
  }
}

/** Waits until the first keepAlives of all calls are made: they would count for what comes next. */
async function quiet(daemon: Daemon): Promise<void> {
  const renewed = () => daemon.metric('callkeeper_keepalives_total{outcome="renewed"}');
  for (let before = -1, now = await renewed(); now !== before; now = await renewed()) {
    before = now;
    await sleep(300);
  }
}
