import { randomUUID } from 'node:crypto';
import type { Load, LoadResult } from '../measure/load.ts';
import { mediansOf } from '../measure/statistics.ts';
import { figure, whole } from '../report/table.ts';
import { REAL_INTERVAL_MS } from '../world/calls.ts';
import { Child } from '../world/child.ts';
import { Daemon } from '../world/daemon.ts';
import { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import type { Section } from './section.ts';

const CONNECTIONS = 50;
const KNOWN = 1_000;
const LOOK_MS = 400;

interface Cost {
  readonly requests: number;
  readonly calls: number;
  readonly nodeUs: number;
  readonly p50: number;
  readonly p99: number;
}

interface Candidate {
  readonly title: string;
  readonly server: Child;
  readonly load: Load;
  readonly rounds: Cost[];
}

/** How many calls per second a replica accepts, one by one and in batches. */
export const API: Section = {
  name: 'api',
  title: 'tracking against an empty Fastify route, one by one and in batches',
  async run({ quick }) {
    await using microsoft = await Microsoft.start();
    await using redis = await BenchRedis.start();
    await using daemon = await Daemon.start({ microsoft, redisUrl: redis.url });
    await using route = new Child(new URL('../empty-route.ts', import.meta.url), {
      role: 'subject',
    });
    await using driver = new Child(new URL('../driver.ts', import.meta.url), { role: 'driver' });
    const durationMs = quick ? 500 : 1_500;
    const load = { clients: 1, inFlight: CONNECTIONS, batch: 1, durationMs };
    const ids = Array.from({ length: KNOWN }, () => randomUUID());
    const own = { server: daemon.child, rounds: [] };
    const empty = { ...load, url: await route.ask<string>('url') };
    const { url } = daemon;
    const candidates: [Candidate, Candidate, Candidate, Candidate] = [
      { title: 'an empty Fastify route, same schema', server: route, load: empty, rounds: [] },
      { ...own, title: 'track, a new call', load: { ...load, url }, rounds: [] },
      { ...own, title: 'track, a known call', load: { ...load, url, ids }, rounds: [] },
      {
        ...own,
        title: 'track, new calls in batches of 1,000',
        load: { ...load, url, batch: 1_000, inFlight: 2 },
        rounds: [],
      },
    ];
    for (let round = quick ? 0 : -1; round < (quick ? 1 : 5); round++) {
      for (const candidate of candidates) {
        const cost = await measure(candidate, driver);
        if (round >= 0) candidate.rounds.push(cost);
        await drained(microsoft, daemon);
      }
    }
    const results = candidates.map(({ title, rounds }) => ({ title, ...mediansOf(rounds) }));
    const [bare, single, known, batch] = results as [
      Cost & { title: string },
      Cost & { title: string },
      Cost & { title: string },
      Cost & { title: string },
    ];
    return [
      {
        name: 'api',
        tables: [
          {
            columns: ['', 'requests/s', 'calls/s', 'Node CPU, µs a request', 'p50, ms', 'p99, ms'],
            rows: results.map((result) => [
              result.title,
              whole(result.requests),
              whole(result.calls),
              figure(result.nodeUs),
              figure(result.p50),
              figure(result.p99),
            ]),
          },
        ],
        notes: [
          `${CONNECTIONS} connections, each with a request under way (batches: 2); medians of interleaved rounds. Each new call gets its first keepAlive in the same time and by the same process.`,
        ],
        targets: [
          {
            what: "track a new call, share of the empty route's requests/s",
            wanted: 0.5,
            got: single.requests / bare.requests,
            is: 'least',
          },
          {
            what: "track a known call, share of the empty route's requests/s",
            wanted: 0.5,
            got: known.requests / bare.requests,
            is: 'least',
          },
          {
            what: 'calls/s in batches of 1,000, times those of single requests',
            wanted: 10,
            got: batch.calls / single.calls,
            is: 'least',
          },
        ],
      },
    ];
  },
};

async function measure({ server, load }: Candidate, driver: Child): Promise<Cost> {
  const before = await server.usage();
  const { requests, calls, elapsedMs, latency } = await driver.ask<LoadResult>('run', load);
  const after = await server.usage();
  return {
    requests: (1_000 * requests) / elapsedMs,
    calls: (1_000 * calls) / elapsedMs,
    nodeUs: (after.cpuUs - before.cpuUs) / requests,
    p50: latency.p50,
    p99: latency.p99,
  };
}

/**
 * Waits for the first keepAlives of the tracked calls, so that the next measurement does not
 * include them. The wheel renews all calls meanwhile; `steady` is its number of keepAlives per
 * look.
 */
async function drained({ graph }: Microsoft, { url }: Daemon): Promise<void> {
  const overview = await fetch(new URL('/overview', url));
  const { tracked } = (await overview.json()) as { tracked: number };
  const steady = (tracked * LOOK_MS) / REAL_INTERVAL_MS;
  for (let count = await graph.count(), before = -1; count > before + 2 * steady + 50; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    before = count;
    count = await graph.count();
  }
}
