import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  Callkeeper,
  CallkeeperError,
  CallkeeperUnreachableError,
  type OwnerOptions,
} from '../../src/client/index.ts';
import { type Answer, aServer, json, problem, reset, type Seen } from './server.ts';

const CLIENT = fileURLToPath(new URL('../../src/client/index.ts', import.meta.url));
const SLOW = { timeout: 60_000 };
const PATIENCE = { timeout: 30_000, interval: 50 };
/** The shortest lease, and the time between its renewals. */
const LEASE_S = 10;
const INTERVAL_MS = (LEASE_S * 1_000) / 3;

const OWNER = { owner: 'bot-7', state: 'active' };
const renewed = json(200, OWNER);
const at = (s: number) => new Date(Date.UTC(2026, 0, 1) + s * 1_000).toISOString();

/** An owner with the shortest lease; closed after the test. */
function anOwner(url: string, options: OwnerOptions = {}) {
  const owner = new Callkeeper({ baseUrl: url }).owner('bot-7', {
    leaseSeconds: LEASE_S,
    ...options,
  });
  onTestFinished(async () => void (await owner.close()));
  return owner;
}

/** What an owner reports. */
function reports() {
  const errors: Error[] = [];
  const losses: unknown[] = [];
  const options = {
    onError: (error: Error) => void errors.push(error),
    onLost: (owner: unknown) => void losses.push(owner),
  };
  return { errors, losses, options };
}

const times = (seen: readonly Seen[], count: number) =>
  vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(count), PATIENCE);

describe('an owner', () => {
  test('renews its lease at once and three times per lease, until it is closed', SLOW, async () => {
    const { url, seen } = await aServer(renewed);
    const { errors, losses, options } = reports();
    const startedAt = performance.now();
    const owner = anOwner(url, { app: 'my app', ...options });
    await times(seen, 3);
    expect(await owner.close()).toEqual({ stopped: 0 });
    expect((seen[0]?.at ?? 0) - startedAt).toBeLessThan(INTERVAL_MS);
    const took = (seen[2]?.at ?? 0) - (seen[0]?.at ?? 0);
    expect(took).toBeGreaterThan(2 * INTERVAL_MS - 200);
    expect(took).toBeLessThan(LEASE_S * 1_000); // the third one is within the first one's lease
    await sleep(INTERVAL_MS * 1.2);
    const body = JSON.stringify({ leaseSeconds: LEASE_S, app: 'my app' });
    const each = { method: 'PUT', url: '/owners/bot-7', body };
    expect(seen).toMatchObject([each, each, each]);
    expect([errors, losses]).toEqual([[], []]);
  });

  test('has a lease of 90 s in the default app by default', async () => {
    const { url, seen } = await aServer(renewed);
    const owner = new Callkeeper({ baseUrl: url }).owner('bot-7');
    onTestFinished(async () => void (await owner.close()));
    await times(seen, 1);
    expect(seen[0]?.body).toBe('{"leaseSeconds":90}');
  });

  test('reports each failure, and goes on until the lease is renewed again', SLOW, async () => {
    let answer: Answer = problem(403, 'forbidden');
    const { url, seen } = await aServer((...args) => answer(...args));
    const { errors, options } = reports();
    anOwner(url, options);
    await vi.waitFor(() => expect(errors).toHaveLength(1), PATIENCE);
    expect(errors[0]).toBeInstanceOf(CallkeeperError);
    answer = reset;
    await vi.waitFor(() => expect(errors).toHaveLength(2), PATIENCE);
    expect(errors[1]).toBeInstanceOf(CallkeeperUnreachableError);
    answer = renewed;
    const before = seen.length;
    await times(seen, before + 2);
    expect(errors).toHaveLength(2);
    expect(seen.slice(before).map(({ method }) => method)).toEqual(['PUT', 'PUT']);
  });

  test('tries again soon after a failure, even if the lease is long', SLOW, async () => {
    const { url, seen } = await aServer(problem(401, 'unauthorized'), renewed);
    anOwner(url, { leaseSeconds: 86_400, ...reports().options });
    await vi.waitFor(() => expect(seen).toHaveLength(2), PATIENCE);
  });

  test('emits a process warning for a failure if there is no onError', async () => {
    const { url } = await aServer(problem(401, 'unauthorized'));
    const warnings: Error[] = [];
    const hear = (warning: Error) => void warnings.push(warning);
    process.on('warning', hear);
    onTestFinished(() => void process.off('warning', hear));
    anOwner(url);
    await vi.waitFor(() => expect(warnings).toContainEqual(expect.any(CallkeeperError)), PATIENCE);
  });

  test('goes on if its callback throws', SLOW, async () => {
    const { url, seen } = await aServer(problem(401, 'unauthorized'), renewed);
    const options = `{ leaseSeconds: ${LEASE_S}, onError() { throw new Error('of the bot'); } }`;
    const bot = run(url, options, `process.on('uncaughtException', () => undefined);`, 8_000);
    await times(seen, 2);
    await bot;
  });

  test.each([
    ['between renewals', renewed],
    ['between retries', problem(503, 'not-ready', { 'retry-after': '60' })],
  ])('does not keep the process alive %s', SLOW, async (_, answer) => {
    const { url, seen } = await aServer(answer);
    await run(url, '{ leaseSeconds: 86_400 }', '', 500);
    expect(seen).toHaveLength(1);
  });

  test('tracks calls under its name and app', async () => {
    const id = 'call-0001';
    const { url, seen } = await aServer((response, one) => {
      if (one.method === 'PUT') return renewed(response, one);
      const call = { id, state: 'tracked' };
      const isBatch = one.url === '/calls/track';
      json(200, isBatch ? { results: [{ id, status: 200, call }] } : call)(response, one);
    });
    const owner = anOwner(url, { app: 'a' });
    await owner.track(id, { labels: { room: 'board' } });
    await owner.trackAll([{ id, trackUntil: null }]);
    const bodies = seen.filter(({ method }) => method === 'POST').map(({ body }) => body);
    expect(bodies.map((body) => JSON.parse(body))).toEqual([
      { labels: { room: 'board' }, owner: 'bot-7', app: 'a' },
      { calls: [{ id, trackUntil: null, owner: 'bot-7', app: 'a' }] },
    ]);
  });

  test(
    'calls onLost if a renewal came so late that its calls may have been stopped',
    SLOW,
    async () => {
      const lease = (renewedAt: number, stopsAt: number) =>
        json(200, { ...OWNER, renewedAt: at(renewedAt), stopsAt: at(stopsAt) });
      const { url, seen } = await aServer(lease(0, 70), lease(70, 140), lease(139, 209));
      const { errors, losses, options } = reports();
      anOwner(url, options);
      await times(seen, 3);
      expect(losses).toEqual([{ ...OWNER, renewedAt: at(70), stopsAt: at(140) }]);
      expect(errors).toEqual([]);
    },
  );

  test.each([
    ['', 90],
    ['..', 90],
    ['a/b', 90],
    ['ä', 90],
    ['x'.repeat(129), 90],
    ['bot-7', 9],
    ['bot-7', 86_401],
    ['bot-7', 30.5],
    ['bot-7', Number.NaN],
  ])('is refused at once if its name is %j and its lease %d s', async (name, leaseSeconds) => {
    const { url, seen } = await aServer(renewed);
    const callkeeper = new Callkeeper({ baseUrl: url });
    expect(() => callkeeper.owner(name, { leaseSeconds })).toThrow(/^(leaseSeconds: )?expected/);
    if (name !== 'bot-7') await expect(callkeeper.getOwner(name)).rejects.toThrow(TypeError);
    expect(seen).toEqual([]);
  });
});

describe('an owner that is closed with stopCalls', () => {
  test('is dropped, after the renewal that is in flight', async () => {
    const order: string[] = [];
    const { url, seen } = await aServer(async (response, one) => {
      if (one.method === 'PUT') await sleep(300);
      order.push(`${one.method} ${one.url}`);
      json(200, one.method === 'PUT' ? OWNER : { stopped: 3 })(response, one);
    });
    const owner = anOwner(url, { app: 'a b' });
    await times(seen, 1);
    expect(await owner.close({ stopCalls: true })).toEqual({ stopped: 3 });
    await sleep(INTERVAL_MS * 1.2);
    expect(order).toEqual(['PUT /owners/bot-7', 'DELETE /owners/bot-7?app=a+b']);
  });

  test('is dropped even if the renewal in flight gets no answer', async () => {
    const { url, seen } = await aServer(() => undefined, json(202, { stopped: 1, durable: false }));
    const { errors, options } = reports();
    const owner = anOwner(url, options);
    await times(seen, 1);
    expect(await owner.close({ stopCalls: true })).toEqual({ stopped: 1 });
    expect(seen.map(({ method }) => method)).toEqual(['PUT', 'DELETE']);
    expect(errors).toEqual([]);
  });

  test('is dropped with retries, like any request', async () => {
    const { url, seen } = await aServer(renewed, reset, json(200, {}), json(200, { stopped: 0 }));
    const owner = anOwner(url);
    await times(seen, 1);
    expect(await owner.close({ stopCalls: true })).toEqual({ stopped: 0 });
    expect(seen).toHaveLength(4);
  });

  test('tracks no more calls, as nobody would renew their lease', async () => {
    const { url, seen } = await aServer(renewed);
    const owner = anOwner(url);
    await times(seen, 1);
    await owner.close();
    await expect(owner.track('call-0001')).rejects.toThrow('bot-7 is closed');
    await expect(owner.trackAll([{ id: 'call-0001' }])).rejects.toThrow('bot-7 is closed');
    expect(seen).toHaveLength(1);
  });
});

/** Runs a bot that does nothing but own calls, stays alive for `aliveMs`, and ends by itself. */
function run(url: string, options: string, before: string, aliveMs: number) {
  const code = `
    import { Callkeeper } from ${JSON.stringify(CLIENT)};
    ${before}
    new Callkeeper({ baseUrl: ${JSON.stringify(url)} }).owner('bot-7', ${options});
    setTimeout(() => undefined, ${aliveMs});`;
  const args = ['--input-type=module', '-e', code];
  return promisify(execFile)(process.execPath, args, { timeout: 30_000 });
}
