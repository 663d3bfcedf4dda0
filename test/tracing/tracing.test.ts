import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../free-port.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { Collector, type Span } from './collector.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 100 };
const SLOW = { timeout: 120_000 };
const RENEWED = 'callkeeper_keepalives_total{outcome="renewed"}';

async function newWorld(): Promise<World> {
  await redis.flush();
  const world = await new World().start();
  onTestFinished(() => world.stop());
  return world;
}

async function newCollector(): Promise<Collector> {
  const collector = new Collector();
  await collector.start();
  onTestFinished(() => collector.stop());
  return collector;
}

/** The names from the beginning of its trace to this span. */
function lineage(span: Span | undefined, spans: readonly Span[]): string[] {
  if (span === undefined) return [];
  const parent = spans.find(({ spanId }) => spanId === span.parentId);
  return [...lineage(parent, spans), span.name];
}

test(
  'a tracked call is one trace, from the bot to Graph; its later turns have links',
  SLOW,
  async () => {
    const world = await newWorld();
    const collector = await newCollector();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '100' };
    const replica = await world.replica({ REDIS_URL: redis.url, ...env }).ready();
    const id = world.simulator.createCall();
    const bot = { traceId: 'b'.repeat(32), spanId: 'a'.repeat(16) };
    const traceparent = `00-${bot.traceId}-${bot.spanId}-01`;
    // At its start a replica makes up for the turns of all slots, and turns go first.
    const visited = () => collector.named('visit slot').length;
    await vi.waitFor(() => expect(visited()).toBeGreaterThan(256), PATIENCE);
    await replica.request('POST', `/calls/${id}/track`, {}, { traceparent });
    const ofCall = () =>
      collector
        .named('keepAlive')
        .filter(({ attributes }) => attributes['callkeeper.call.id'] === id);
    const ofBot = () => collector.spans.filter(({ traceId }) => traceId === bot.traceId);
    await vi.waitFor(() => {
      const names = ofBot().map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['POST /calls/:id/track', 'keepAlive', 'POST']));
    }, PATIENCE);
    const [first] = ofCall().filter(({ traceId }) => traceId === bot.traceId);
    const post = collector.named('POST').find(({ parentId }) => parentId === first?.spanId);
    expect(post?.service).toBe('callkeeper');
    expect(lineage(post, collector.spans)).toEqual([
      'POST /calls/:id/track',
      expect.stringContaining('handler'),
      'keepAlive',
      'POST',
    ]);
    expect(first?.attributes['callkeeper.outcome']).toBe('renewed');

    await vi.waitFor(
      () => expect(ofCall().some(({ links }) => links.length > 0)).toBe(true),
      PATIENCE,
    );
    const later = ofCall().find(({ links }) => links.length > 0);
    expect(later?.parentId).toBe('');
    await vi.waitFor(
      () =>
        expect(collector.named('visit slot').map(({ spanId }) => spanId)).toContain(
          later?.links[0]?.spanId,
        ),
      PATIENCE,
    );
    // Each turn is a trace of its own, however many there have been.
    const turns = collector.named('visit slot');
    expect(new Set(turns.map(({ traceId }) => traceId)).size).toBe(turns.length);
    const probes = collector.spans.filter(({ name }) => /livez|readyz|metrics/.test(name));
    expect(probes).toEqual([]);
  },
);

test('a trace of a request has its path without the query, whatever its answer', SLOW, async () => {
  const world = await newWorld();
  const collector = await newCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '100' };
  const replica = await world.replica({ REDIS_URL: redis.url, ...env }).ready();
  await replica.request('GET', '/calls?label=customer:jane&limit=1');
  await replica.request('GET', '/calls?cursor=jane');
  await replica.request('GET', '/no/such?token=jane?token=jane');
  await replica.request('GET', '/livez?jane');
  const ofRequests = () => collector.spans.filter(({ attributes }) => attributes['url.path']);
  const paths = () => ofRequests().map(({ attributes }) => attributes['url.path']);
  await vi.waitFor(() => expect(paths()).toContain('/no/such'), PATIENCE);
  expect(await replica.stop()).toBe(0); // exports what is left
  expect(paths().toSorted()).toEqual(expect.arrayContaining(['/calls', '/calls', '/no/such']));
  expect(JSON.stringify(collector.spans)).not.toContain('jane');
});

test('no request to Graph or Entra carries a trace id', SLOW, async () => {
  const world = await newWorld();
  const collector = await newCollector();
  const headers: IncomingHttpHeaders[] = [];
  const graph = await aServer((request, response) => {
    headers.push(request.headers);
    response.setHeader('request-id', randomUUID()).end();
  });
  const replica = await world
    .replica({
      REDIS_URL: redis.url,
      GRAPH_BASE_URL: `${graph}/v1.0`,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
    })
    .ready();
  await replica.request('POST', '/calls/some-call-of-a-bot/track');
  await vi.waitFor(() => expect(collector.named('POST').length).toBeGreaterThan(1), PATIENCE);
  expect(headers.length).toBeGreaterThan(0);
  for (const one of headers) expect(Object.keys(one)).not.toContain('traceparent');
});

test.each(['refuses', 'never answers'])(
  'if the collector %s, calls are kept alive and a stop ends in time all the same',
  SLOW,
  async (how) => {
    const world = await newWorld();
    const collector =
      how === 'refuses' ? `http://127.0.0.1:${await freePort()}` : await aServer(() => {});
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_BSP_SCHEDULE_DELAY: '100' };
    const slow = { OTEL_BSP_EXPORT_TIMEOUT: '500', OTEL_EXPORTER_OTLP_TIMEOUT: '500' };
    const replica = await world.replica({ REDIS_URL: redis.url, ...env, ...slow }).ready();
    await replica.request('POST', `/calls/${world.simulator.createCall()}/track`);
    await vi.waitFor(
      async () => expect(await replica.metric(RENEWED)).toBeGreaterThan(2),
      PATIENCE,
    );
    await replica.logged('traces are not exported');
    const warnings = replica.log.filter(
      ({ msg, level }) => msg.startsWith('traces') && level === 'warn',
    );
    expect(warnings.length).toBe(1);
    expect(await replica.stop()).toBe(0);
  },
);

test('spans that are not sampled are not exported', SLOW, async () => {
  const world = await newWorld();
  const collector = await newCollector();
  const replica = await world
    .replica({
      REDIS_URL: redis.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    })
    .ready();
  await replica.request('POST', `/calls/${world.simulator.createCall()}/track`);
  await vi.waitFor(async () => expect(await replica.metric(RENEWED)).toBeGreaterThan(1), PATIENCE);
  // It exports what is left as it ends.
  expect(await replica.stop()).toBe(0);
  expect(collector.spans).toEqual([]);
});

async function aServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
