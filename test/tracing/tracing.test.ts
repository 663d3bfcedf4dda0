import { expect, onTestFinished, test, vi } from 'vitest';
import { World } from '../process/world.ts';
import { freePort, redisForFile } from '../redis/redis-server.ts';
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
    await replica.request('POST', `/calls/${id}/track`, {}, { traceparent });
    const ofCall = () =>
      collector
        .named('keepAlive')
        .filter(({ attributes }) => attributes['callkeeper.call.id'] === id);
    const posts = (name: string) =>
      collector
        .named('POST')
        .filter(({ parentId }) =>
          ofCall().some((one) => one.spanId === parentId && one.name === name),
        );

    await vi.waitFor(() => expect(posts('keepAlive').length).toBeGreaterThan(1), PATIENCE);
    const [first] = ofCall().filter(({ traceId }) => traceId === bot.traceId);
    const post = collector.named('POST').find(({ parentId }) => parentId === first?.spanId);
    expect(post?.service).toBe('callkeeper');
    expect(lineage(post, collector.spans)).toEqual([
      'POST /calls/:id/track',
      expect.stringContaining('handler'),
      'addBulk wheel',
      'process wheel',
      'visit new',
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
