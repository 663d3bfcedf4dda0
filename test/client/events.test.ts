import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readFrames } from '../../src/client/event-frames.js';
import { Callkeeper, type EventItem } from '../../src/client/index.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';

const redis = redisForFile();

function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
}

const frame = (id: string, data: object, event = 'call.ended') =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** The nth connection is answered by the nth function, the last one for all that follow. */
async function aServer(...answers: ((response: ServerResponse) => void)[]) {
  const asked: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://x').searchParams);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const sse =
  (text: string, then: (response: ServerResponse) => void) => (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(text, () => then(response));
  };
const stay = () => undefined;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function take(items: AsyncIterable<EventItem>, count: number): Promise<EventItem[]> {
  const taken: EventItem[] = [];
  for await (const item of items) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}

test('frames are read however they are cut, with any ends of lines', async () => {
  const text =
    ': hello\r\n\r\nid: 1-0\r\ndata: ä\r\ndata: b\r\n\r\nevent:x\rdata\r\rid\n\ndata: cut';
  const bytes = new TextEncoder().encode(text);
  const whole = [
    { id: undefined, event: 'message', data: '' },
    { id: '1-0', event: 'message', data: 'ä\nb' },
    { id: undefined, event: 'x', data: '' },
    { id: '', event: 'message', data: '' },
  ];
  for (let size = 1; size <= bytes.length; size++) {
    const cuts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.slice(i * size, (i + 1) * size),
    );
    expect(await collect(readFrames(ReadableStream.from(cuts), 1_000))).toEqual(whole);
  }
});

test('a stream that falls silent, or never comes to an end of an event, is given up', async () => {
  const silent = new ReadableStream<Uint8Array>();
  await expect(collect(readFrames(silent, 20))).rejects.toThrow('nothing came for 20 ms');
  const endless = streamOf(...Array.from({ length: 12 }, () => 'x'.repeat(100_000)));
  await expect(collect(readFrames(endless, 1_000))).rejects.toThrow('the event is too long');
});

test('events carry the place to resume after, and a gap is reported', async () => {
  const gap = { after: '1-0', firstKept: '5-0' };
  const { baseUrl, asked } = await aServer(
    sse(`event: gap\ndata: ${JSON.stringify(gap)}\n\n${frame('5-0', { id: 'e5' })}`, stay),
  );
  const query = { app: 'bot', label: ['room=a'], lastEventId: '1-0' };
  expect(await take(new Callkeeper({ baseUrl }).events(query), 2)).toEqual([
    { kind: 'gap', gap },
    { kind: 'event', place: '5-0', event: { id: 'e5' } },
  ]);
  expect(asked.map(String)).toEqual(['app=bot&label=room%3Da&lastEventId=1-0']);
});

test('a stream that ends, is cut off or refused goes on after the last place', async () => {
  const { baseUrl, asked } = await aServer(
    sse(frame('1-0', { id: 'e1' }), (response) => response.end()),
    sse(`${frame('2-0', { id: 'e2' })}id: 3-0\n\ndata: {"half`, (response) => response.destroy()),
    (response) => response.writeHead(503).end(),
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>'),
    sse(frame('4-0', { id: 'e4' }), stay),
  );
  const items = await take(new Callkeeper({ baseUrl }).events(), 3);
  expect(items.map((item) => item.kind === 'event' && item.event.id)).toEqual(['e1', 'e2', 'e4']);
  const after = asked.map((query) => query.get('lastEventId'));
  expect(after).toEqual([null, '1-0', '3-0', '3-0', '3-0']);
});

test('a refused request rejects; the signal ends the stream', async () => {
  const refusing = await aServer((response) => response.writeHead(401).end());
  await expect(take(new Callkeeper(refusing).events(), 1)).rejects.toMatchObject({ status: 401 });
  const { baseUrl, asked } = await aServer(sse('id: 1-0\n\n', stay));
  const stop = new AbortController();
  const taking = take(new Callkeeper({ baseUrl }).events({}, { signal: stop.signal }), 1);
  const ended = expect(taking).rejects.toBe('enough');
  await expect.poll(() => asked.length).toBe(1);
  stop.abort('enough');
  await ended;
});

test.each([
  ['is no JSON', '{"id":\n\n', [null]],
  ['has only a number', '7\n\n', [null]],
  ['is too long', `"${'x'.repeat(1_100_000)}`, [null, '2-0']],
])('an event whose data %s becomes a gap, and those after it come', async (_, data, places) => {
  const rest = frame('3-0', { id: 'e3' });
  const bad = `id: 1-0\n\nid: 2-0\nevent: call.ended\ndata: ${data}`;
  const isCut = !data.endsWith('\n\n');
  const { baseUrl, asked } = await aServer(sse(isCut ? bad : bad + rest, stay), sse(rest, stay));
  expect(await take(new Callkeeper({ baseUrl }).events(), 2)).toEqual([
    { kind: 'gap', gap: { after: '1-0', firstKept: '2-0' } },
    { kind: 'event', place: '3-0', event: { id: 'e3' } },
  ]);
  expect(asked.map((query) => query.get('lastEventId'))).toEqual(places);
});

test('return ends an iteration that waits for an event or a page, and its request', async () => {
  const closed: Promise<unknown>[] = [];
  const { baseUrl, asked } = await aServer(
    (response) => {
      closed.push(once(response, 'close'));
      sse('id: 1-0\n\n', stay)(response);
    },
    (response) => void closed.push(once(response, 'close')),
  );
  const callkeeper = new Callkeeper({ baseUrl });
  for (const items of [callkeeper.events(), callkeeper.list()]) {
    const before = asked.length;
    const waiting = items.next();
    await expect.poll(() => asked.length).toBe(before + 1);
    expect(await items.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
  }
  await Promise.all(closed);
  expect(closed).toHaveLength(2);
});

test('the events of a call come from a real replica, and on from another', {
  timeout: 60_000,
}, async () => {
  await redis.flush();
  const world = await new World().start();
  onTestFinished(() => world.stop());
  const [one, two] = [
    await world.replica({ REDIS_URL: redis.url }).ready(),
    await world.replica({ REDIS_URL: redis.url }).ready(),
  ];
  const callkeeper = new Callkeeper({ baseUrl: [one.url, two.url] });
  const events = callkeeper.events({ label: ['bot=mine'], lastEventId: '0-1' });
  const next = async () => {
    const { value } = await events.next();
    return value?.kind === 'event' ? [value.event.type, value.event.call?.id] : value;
  };
  const [id, other] = [world.simulator.createCall(), world.simulator.createCall()];
  await callkeeper.track(other);
  await callkeeper.track(id, { labels: { bot: 'mine' } });
  // What is from before the log began cannot be told: that is said.
  expect(await next()).toMatchObject({ kind: 'gap', gap: { after: '0-1' } });
  expect(await next()).toEqual(['call.tracked', id]);
  await one.stop();
  await callkeeper.untrack(id);
  expect(await next()).toEqual(['call.untracked', id]);
  await events.return();
});
