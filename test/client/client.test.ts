import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Callkeeper, CallkeeperError, CallkeeperUnreachableError } from '../../src/client/index.ts';
import { type Answer, aServer, json, problem, reset } from './server.ts';

const ID = '2e1a0b00-2db4-4022-9570-243709c565ab';
const CALL = { id: ID, state: 'tracked' };
const OWNER = { owner: 'bot-7', state: 'active' };

test('tracks with what is said, and the key', async () => {
  const { url, seen } = await aServer(json(201, CALL));
  const callkeeper = new Callkeeper({ baseUrl: `${url}/prefix`, apiKey: 'the-key' });
  expect(await callkeeper.track(ID, { labels: { room: 'a' } })).toEqual(CALL);
  expect(seen).toMatchObject([
    { method: 'POST', url: `/prefix/calls/${ID}/track`, body: '{"labels":{"room":"a"}}' },
  ]);
  expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer the-key' });
});

test.each([
  ['a reset connection', reset],
  ['429', problem(429, 'rate-limited')],
  ['502', (response: ServerResponse) => void response.writeHead(502).end('<h1>Bad Gateway</h1>')],
  ['503', problem(503, 'store-unavailable')],
  ['504', (response: ServerResponse) => void response.writeHead(504).end()],
  [
    'half an answer',
    (response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{', () => response.destroy());
    },
  ],
  ['a page of somebody else', (response: ServerResponse) => void response.end('<h1>Hello</h1>')],
] as [string, Answer][])('asks again after %s, for the same call', async (_, miss) => {
  const { url, seen } = await aServer(miss, miss, json(200, CALL));
  expect(await new Callkeeper({ baseUrl: url }).track(ID)).toEqual(CALL);
  expect(seen.map((one) => one.url)).toEqual(Array(3).fill(`/calls/${ID}/track`));
});

/** Each is well-formed JSON, or nothing, with a good status: of a captive portal, a wrong host, a cache. */
const NOT_ASKED_FOR: [string, Answer][] = [
  ['nothing', (response) => void response.writeHead(200).end()],
  ['204', (response) => void response.writeHead(204).end()],
  ['an empty object', json(200, {})],
  ['a list', json(200, [])],
  ['null', json(200, null)],
  ['text', json(200, 'signed in')],
  ['{ "status": "ok" }', json(200, { status: 'ok' })],
  ['another call', json(200, { ...CALL, id: ID.replace('2e', '3e') })],
  ['a call without a state', json(200, { id: ID })],
];

test.each(NOT_ASKED_FOR)('%s does not answer the request, which is retried', async (_, miss) => {
  const right = { outcome: 'renewed', call: CALL };
  const results = [{ id: ID, status: 201, call: CALL }];
  const { url, seen } = await aServer(
    ...[miss, json(200, CALL), miss, json(201, CALL), miss, json(200, right)],
    ...[miss, json(200, { results }), miss, json(200, { calls: [], next: null })],
    ...[miss, json(202, { tracked: 1 })],
    ...[miss, json(200, { results: [{ id: ID, status: 204 }] })],
    ...[miss, json(200, OWNER), miss, json(200, { owners: [], next: null })],
  );
  const callkeeper = new Callkeeper({ baseUrl: url });
  expect(await callkeeper.get(ID)).toEqual(CALL);
  expect(await callkeeper.track(ID)).toEqual(CALL);
  expect(await callkeeper.keepAlive(ID)).toEqual(right);
  expect(await callkeeper.trackAll([{ id: ID }])).toEqual(results);
  expect(await callkeeper.list().next()).toMatchObject({ done: true });
  expect(await callkeeper.notify({ value: [] })).toEqual({ tracked: 1 });
  expect(await callkeeper.untrackAll([ID])).toEqual([{ id: ID, status: 204 }]);
  expect(await callkeeper.getOwner('bot-7')).toEqual(OWNER);
  expect(await callkeeper.owners().next()).toMatchObject({ done: true });
  expect(seen).toHaveLength(18);
});

test('a 200 to a DELETE has stopped nothing', async () => {
  const { url, seen } = await aServer(
    json(200, {}),
    json(202, {}),
    (response) => void response.writeHead(200).end(),
    (response) => void response.writeHead(204).end(),
  );
  expect(await new Callkeeper({ baseUrl: url }).untrack(ID)).toEqual({ durable: true });
  expect(seen).toHaveLength(4);
});

test('a server that never answers the request counts as unreachable', async () => {
  const { url } = await aServer(json(200, { status: 'ok' }));
  const tracking = new Callkeeper({ baseUrl: url, totalMs: 300 }).track(ID);
  await expect(tracking).rejects.toThrow(CallkeeperUnreachableError);
});

test('a call is known by its id in any of the forms of a GUID', async () => {
  const { url, seen } = await aServer(json(200, CALL));
  const callkeeper = new Callkeeper({ baseUrl: url });
  for (const id of [
    ID.toUpperCase(),
    ID.replaceAll('-', ''),
    ID.replaceAll('-', '').toUpperCase(),
  ]) {
    expect(await callkeeper.track(id)).toEqual(CALL);
  }
  expect(seen).toHaveLength(3);
});

test('a call is tracked though the daemon comes up only later', async () => {
  const { url, port, server } = await aServer(json(201, CALL));
  server.close();
  await once(server, 'close');
  let attempts = 0;
  const counting: typeof fetch = (...args) => {
    if (++attempts === 3) server.listen(port, '127.0.0.1');
    return fetch(...args);
  };
  const callkeeper = new Callkeeper({ baseUrl: url, fetch: counting });
  expect(await callkeeper.track(ID)).toEqual(CALL);
  expect(attempts).toBeGreaterThanOrEqual(3);
});

test('replicas are asked in turn, and the one that answers first the next time', async () => {
  const [down, busy, good] = [
    await aServer(reset),
    await aServer(problem(503, 'store-unavailable', { 'retry-after': '60' })),
    await aServer(json(200, CALL)),
  ];
  const callkeeper = new Callkeeper({ baseUrl: [down.url, busy.url, good.url] });
  await callkeeper.track(ID);
  await callkeeper.track(ID);
  expect([down, busy, good].map(({ seen }) => seen.length)).toEqual([1, 1, 2]);
});

test('Retry-After is waited for', async () => {
  const { url, seen } = await aServer(
    problem(429, 'rate-limited', { 'retry-after': '1' }),
    json(200, CALL),
  );
  await new Callkeeper({ baseUrl: url }).track(ID);
  expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeGreaterThanOrEqual(990);
});

test('a refused request rejects at once, with the problem', async () => {
  const { url, seen } = await aServer(problem(400, 'invalid-request'));
  const error = await new Callkeeper({ baseUrl: url }).track(ID).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(CallkeeperError);
  expect(error).toMatchObject({ status: 400, problem: { detail: 'detail' } });
  expect((error as CallkeeperError).is('urn:callkeeper:problem:invalid-request')).toBe(true);
  expect(seen).toHaveLength(1);
});

test('a redirect is not followed, so the key goes nowhere else', async () => {
  const other = await aServer(json(200, CALL));
  const { url } = await aServer((response) => {
    response.writeHead(307, { location: `${other.url}/` }).end();
  });
  const tracking = new Callkeeper({ baseUrl: url, apiKey: 'the-key' }).track(ID);
  await expect(tracking).rejects.toMatchObject({ status: 307, problem: null });
  expect(other.seen).toEqual([]);
});

test('with no answer in the whole time it says so, and why', async () => {
  const { url } = await aServer(reset);
  const tracking = new Callkeeper({ baseUrl: url, totalMs: 300 }).track(ID);
  const error = (await tracking.catch((e: unknown) => e)) as CallkeeperUnreachableError;
  expect(error).toBeInstanceOf(CallkeeperUnreachableError);
  expect(error.attempts).toBeGreaterThan(0);
  expect(error.cause).toBeInstanceOf(Error);
});

test('an attempt that hangs is given up and made at another replica', async () => {
  const hanging = await aServer(() => undefined);
  const good = await aServer(json(200, CALL));
  const callkeeper = new Callkeeper({ baseUrl: [hanging.url, good.url], attemptMs: 200 });
  expect(await callkeeper.track(ID)).toEqual(CALL);
});

describe('with a replica that hangs', { timeout: 60_000 }, () => {
  const hanging = () => aServer(() => undefined);
  const good = () => aServer(json(200, CALL));

  test.each([2, 16])('%d requests at once all reach the other one', async (many) => {
    const [dead, alive] = [await hanging(), await good()];
    const callkeeper = new Callkeeper({ baseUrl: [dead.url, alive.url], attemptMs: 1_000 });
    const ids = Array(many).fill(ID);
    const calls = await Promise.all(ids.map((id) => callkeeper.track(id)));
    expect(calls).toEqual(ids.map(() => CALL));
    expect([dead.seen.length, alive.seen.length]).toEqual([many, many]);
    await callkeeper.track(ID);
    expect(dead.seen).toHaveLength(many);
  });

  test('a request asks all others within its time, even if an attempt may take longer', async () => {
    const dead = [await hanging(), await hanging()];
    const alive = await good();
    const baseUrl = [...dead, alive].map(({ url }) => url);
    const options = { totalMs: 9_000 };
    expect(await new Callkeeper({ baseUrl }).track(ID, {}, options)).toEqual(CALL);
  });

  test('a slow answer comes from the other one', async () => {
    const dead = await hanging();
    const alive = await aServer((response, one) => {
      if (one.url === '/livez')
        response.writeHead(503).end(); // it answers: that is enough
      else setTimeout(() => json(200, CALL)(response, one), 2_000);
    });
    const callkeeper = new Callkeeper({ baseUrl: [dead.url, alive.url], attemptMs: 1_000 });
    const options = { wait: true, totalMs: 30_000 };
    expect(await callkeeper.track(ID, {}, options)).toEqual(CALL);
    expect(dead.seen.map(({ url }) => url)).toEqual(['/livez']);
    expect(alive.seen.map(({ url }) => url)).toEqual(['/livez', `/calls/${ID}/track?wait=true`]);
  });

  test('that is alive but answers nothing else, the next request asks the other one', async () => {
    const dead = await aServer((response, { url }) => {
      if (url === '/livez') response.writeHead(200).end();
    });
    const alive = await aServer(json(200, CALL));
    const callkeeper = new Callkeeper({ baseUrl: [dead.url, alive.url] });
    const options = { wait: true, totalMs: 1_000 };
    await expect(callkeeper.track(ID, {}, options)).rejects.toThrow(CallkeeperUnreachableError);
    expect(await callkeeper.track(ID, {}, { wait: true })).toEqual(CALL);
  });

  test('events come from the other one, within the time of the request', async () => {
    const alive = await aServer((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('id: 1-0\nevent: call.ended\ndata: {}\n\n');
    });
    const baseUrl = [(await hanging()).url, alive.url];
    const events = new Callkeeper({ baseUrl }).events({}, { totalMs: 6_000 });
    expect(await events.next()).toMatchObject({ value: { place: '1-0' } });
    await events.return();
  });
});

test('a signal ends it, during an attempt and between two', async () => {
  for (const answer of [() => undefined, problem(503, 'not-ready', { 'retry-after': '60' })]) {
    const { url, seen } = await aServer(answer);
    const stop = new AbortController();
    const tracking = new Callkeeper({ baseUrl: url }).track(ID, {}, { signal: stop.signal });
    const ended = expect(tracking).rejects.toBe('enough');
    await expect.poll(() => seen.length).toBe(1);
    stop.abort('enough');
    await ended;
    expect(seen).toHaveLength(1);
  }
});

test('an unknown call is null; another 404 is not', async () => {
  const { url } = await aServer(
    problem(404, 'call-not-found'),
    problem(404, 'route-not-found'),
    (response) => void response.writeHead(404).end('<h1>Not Found</h1>'),
  );
  const callkeeper = new Callkeeper({ baseUrl: url });
  expect(await callkeeper.get(ID)).toBeNull();
  await expect(callkeeper.get(ID)).rejects.toMatchObject({ status: 404 });
  await expect(callkeeper.get(ID)).rejects.toMatchObject({ status: 404, problem: null });
});

test('untracking tells whether it is stored', async () => {
  const { url } = await aServer(
    (response) => void response.writeHead(204).end(),
    json(202, { durable: false }),
  );
  const callkeeper = new Callkeeper({ baseUrl: url });
  expect(await callkeeper.untrack(ID)).toEqual({ durable: true });
  expect(await callkeeper.untrack(ID)).toEqual({ durable: false });
});

test('a keepAlive that fails is an outcome, and not made again', async () => {
  const lastError = { code: 'x' };
  const { url, seen } = await aServer(
    json(200, { outcome: 'renewed', call: CALL }),
    problem(404, 'call-ended', {}, { outcome: 'ended', call: CALL, lastError }),
    problem(502, 'keep-alive-failed', {}, { outcome: 'refused', call: CALL, lastError }),
    problem(404, 'call-not-found'),
  );
  const callkeeper = new Callkeeper({ baseUrl: url });
  expect(await callkeeper.keepAlive(ID)).toEqual({ outcome: 'renewed', call: CALL });
  expect(await callkeeper.keepAlive(ID)).toMatchObject({ outcome: 'ended', call: CALL });
  expect(await callkeeper.keepAlive(ID)).toEqual({ outcome: 'refused', call: CALL, lastError });
  expect(await callkeeper.keepAlive(ID)).toBeNull();
  expect(seen).toHaveLength(4);
});

test('calls are listed over all pages', async () => {
  const { url, seen } = await aServer(
    json(200, { calls: [{ id: 'call-0001' }], next: 'a/b' }),
    json(200, { calls: [], next: 'c' }),
    json(200, { calls: [{ id: 'call-0002' }], next: null }),
  );
  const ids: string[] = [];
  const query = { state: 'ended', label: ['room=a', 'bot'] } as const;
  for await (const { id } of new Callkeeper({ baseUrl: url }).list(query)) ids.push(id);
  expect(ids).toEqual(['call-0001', 'call-0002']);
  expect(seen.map((one) => new URL(one.url ?? '', url).searchParams.toString())).toEqual([
    'state=ended&label=room%3Da&label=bot',
    'state=ended&label=room%3Da&label=bot&cursor=a%2Fb',
    'state=ended&label=room%3Da&label=bot&cursor=c',
  ]);
});

test('a page whose next page is itself is not read again and again', async () => {
  const { url, seen } = await aServer(
    json(200, { calls: [{ id: 'call-0001' }], next: 'a' }),
    json(200, { calls: [{ id: 'call-0002' }], next: 'a' }),
    json(200, { calls: [{ id: 'call-0003' }], next: null }),
  );
  const ids: string[] = [];
  for await (const { id } of new Callkeeper({ baseUrl: url }).list()) ids.push(id);
  expect(ids).toEqual(['call-0001', 'call-0003']);
  expect(seen).toHaveLength(3);
});

test('the overview is read, but not from the answers of another server', async () => {
  const overview = { tracked: 2, troubles: [{ kind: 'redis', sentence: 'Redis is out.' }] };
  const { url, seen } = await aServer(
    json(200, { tracked: 2 }),
    json(200, []),
    json(200, overview),
    problem(403, 'forbidden'),
  );
  const callkeeper = new Callkeeper({ baseUrl: url });
  expect(await callkeeper.overview()).toEqual(overview);
  expect(seen.map((one) => one.url)).toEqual(Array(3).fill('/overview'));
  await expect(callkeeper.overview()).rejects.toMatchObject({ status: 403 });
});

test("Graph's notifications are passed on", async () => {
  const { url, seen } = await aServer(json(202, { tracked: 1 }));
  const callkeeper = new Callkeeper({ baseUrl: url, apiKey: 'the-key' });
  const from = { app: 'a b' };
  expect(await callkeeper.notify({ value: [{ changeType: 'x' }] }, from)).toEqual({ tracked: 1 });
  expect(seen).toMatchObject([
    { url: '/notifications?app=a+b', body: '{"value":[{"changeType":"x"}]}' },
  ]);
});

test.each(['', '..', 'a/b', 'short', 'x'.repeat(129), '../../livez'])(
  'an invalid id (%j) sends no request',
  async (id) => {
    const { url, seen } = await aServer(json(200, CALL));
    const callkeeper = new Callkeeper({ baseUrl: url });
    for (const method of ['track', 'untrack', 'get', 'keepAlive'] as const) {
      await expect(callkeeper[method](id)).rejects.toThrow(TypeError);
    }
    expect(seen).toEqual([]);
  },
);

test.each([
  [[]],
  ['callkeeper:8080'],
  ['/calls'],
  [['http://127.0.0.1', 'nonsense']],
  ['http://bot:s3cret@127.0.0.1'],
  ['http://127.0.0.1/?code=s3cret'],
])('a base URL of %j is refused, without its secrets', (baseUrl) => {
  const making = () => new Callkeeper({ baseUrl });
  expect(making).toThrow(/^baseUrl: expected/);
  expect(making).not.toThrow('s3cret');
});

test.each([
  [{ apiKey: 's3cret\ns3cret' }, 'apiKey: expected'],
  [{ apiKey: 's3cret…' }, 'apiKey: expected'],
  [{ apiKey: '' }, 'apiKey: expected'],
  [{ attemptMs: Number.NaN }, 'attemptMs: expected'],
  [{ totalMs: 0 }, 'totalMs: expected'],
])('options of %j are refused, without the key', (options, message) => {
  const making = () => new Callkeeper({ baseUrl: 'http://127.0.0.1', ...options });
  expect(making).toThrow(message);
  expect(making).not.toThrow('s3cret');
});

test('a request that cannot be sent rejects at once, without its secrets', async () => {
  const { url, seen } = await aServer(json(200, CALL));
  const callkeeper = new Callkeeper({ baseUrl: url, apiKey: 'the-key' });
  const circular: Record<string, string> = {};
  Object.assign(circular, { circular });
  await expect(callkeeper.track(ID, { labels: circular })).rejects.toThrow(TypeError);
  const from = { authorization: 'Bearer s3cret\nx: y' };
  const error = await callkeeper.notify({ value: [] }, from).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(TypeError);
  expect(String(error)).not.toContain('s3cret');
  expect(seen).toEqual([]);
});

test('a limit may have a fraction, and a limit of NaN has passed', async () => {
  const { url } = await aServer(json(200, CALL), problem(503, 'not-ready'));
  const callkeeper = new Callkeeper({ baseUrl: url, attemptMs: 10_000.5 });
  expect(await callkeeper.track(ID, {}, { totalMs: 10_000.5 })).toEqual(CALL);
  const tracking = callkeeper.track(ID, {}, { totalMs: Number.NaN });
  await expect(tracking).rejects.toThrow(CallkeeperUnreachableError);
});

test('an answer without an end is given up, and the next replica asked', async () => {
  const endless = await aServer((response) => {
    const more = () => {
      if (!response.destroyed) response.write('x'.repeat(1_000_000), more);
    };
    more();
  });
  const good = await aServer(json(200, CALL));
  const callkeeper = new Callkeeper({ baseUrl: [endless.url, good.url], attemptMs: 60_000 });
  expect(await callkeeper.track(ID)).toEqual(CALL);
}, 60_000);

describe('a keepAlive that takes longer than another answer', () => {
  const renewed = { ...CALL, renewedAt: '2026-02-03T04:05:07.012Z' };
  /** Longer than an attempt, and than all attempts together. */
  const slow = (status: number, body: object): Answer => {
    return (response, one) => void setTimeout(() => json(status, body)(response, one), 400);
  };
  const IMPATIENT = { attemptMs: 50, totalMs: 200 };

  test('is waited for if it is the first of a call, on request', async () => {
    const { url, seen } = await aServer(slow(201, renewed));
    const callkeeper = new Callkeeper({ baseUrl: url, ...IMPATIENT });
    expect(await callkeeper.track(ID, { owner: 'bot-7' }, { wait: true })).toEqual(renewed);
    const path = `/calls/${ID}/track?wait=true`;
    expect(seen).toMatchObject([{ url: path, body: '{"owner":"bot-7"}' }]);
    const tracking = callkeeper.track(ID, {}, { wait: false });
    await expect(tracking).rejects.toThrow(CallkeeperUnreachableError);
    expect(seen.at(-1)?.url).toBe(`/calls/${ID}/track`);
  });

  test('is waited for if it was requested now', async () => {
    const { url, seen } = await aServer(slow(200, { outcome: 'renewed', call: renewed }));
    const callkeeper = new Callkeeper({ baseUrl: url, ...IMPATIENT });
    expect(await callkeeper.keepAlive(ID)).toEqual({ outcome: 'renewed', call: renewed });
    expect(seen).toHaveLength(1);
  });

  test("is not waited for beyond the request's own limit", async () => {
    const { url } = await aServer(() => undefined);
    const callkeeper = new Callkeeper({ baseUrl: url });
    const waiting = [
      callkeeper.keepAlive(ID, { totalMs: 100 }),
      callkeeper.track(ID, {}, { wait: true, totalMs: 100 }),
    ];
    for (const one of waiting) await expect(one).rejects.toThrow(CallkeeperUnreachableError);
  });
});

describe('without options', () => {
  const variables = { CALLKEEPER_URL: '', CALLKEEPER_API_KEY: '' };
  beforeEach(() => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
  });

  test('a client finds Callkeeper and the key in the environment', async () => {
    const { url, seen } = await aServer(json(200, CALL));
    vi.stubEnv('CALLKEEPER_URL', ` ${url}/one , ${url}/two`);
    vi.stubEnv('CALLKEEPER_API_KEY', 'the-key\n');
    await new Callkeeper().get(ID);
    expect(seen[0]).toMatchObject({
      url: `/one/calls/${ID}`,
      headers: { authorization: 'Bearer the-key' },
    });
  });

  test('options win over the environment, and null means no key', async () => {
    const { url, seen } = await aServer(json(200, CALL));
    vi.stubEnv('CALLKEEPER_URL', 'http://127.0.0.1:1');
    vi.stubEnv('CALLKEEPER_API_KEY', 'the-key');
    await new Callkeeper({ baseUrl: url, apiKey: 'another' }).get(ID);
    await new Callkeeper({ baseUrl: url, apiKey: null }).get(ID);
    const sent = seen.map(({ headers }) => headers.authorization);
    expect(sent).toEqual(['Bearer another', undefined]);
  });

  test.each([
    ['', 'set CALLKEEPER_URL'],
    [' , ', 'set CALLKEEPER_URL'],
    ['127.0.0.1:8080', 'expected an http:// or https:// URL'],
  ])('a client refuses CALLKEEPER_URL=%j', (url, message) => {
    vi.stubEnv('CALLKEEPER_URL', url);
    expect(() => new Callkeeper()).toThrow(message);
  });
});
