import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { compile, hasMono, MONO } from './mono.ts';
import { aProxy } from './proxy.ts';

/** The hosted service of docs/dotnet.md, in the program of Hosting.cs. */

const redis = redisForFile();
const world = new World();
const SLOW = { timeout: 120_000 };
const PATIENCE = { timeout: 60_000, interval: 50 };
const KEY = 'a-key-of-at-least-24-characters';
const program = join(world.directory, 'Hosted.exe');
let replica: Replica;

beforeAll(async () => {
  if (!hasMono) return;
  await world.start();
  replica = await world.replica({ REDIS_URL: redis.url, API_KEYS: KEY }).ready();
  const page = readFileSync('docs/dotnet.md', 'utf8');
  const [service = '', , handlers = ''] = [...page.matchAll(/```csharp\n(.*?)```/gs)].map(
    ([, code]) => code,
  );
  const file = (name: string, text: string) => {
    writeFileSync(join(world.directory, name), text);
    return join(world.directory, name);
  };
  await compile(program, [
    'examples/Callkeeper.cs',
    'test/examples/Hosting.cs',
    file('Service.cs', service),
    file('Handlers.cs', `public sealed partial class Bot {\n${handlers}}\n`),
  ]);
}, 120_000);
afterAll(() => world.stop());

async function get(path: string) {
  const answer = await fetch(replica.url + path, { headers: { authorization: `Bearer ${KEY}` } });
  return (await answer.json()) as Record<string, unknown>;
}

/** The program, configured by its environment as .NET's hosts are. */
function aBot(settings: Record<string, string>) {
  const environment = Object.entries({ Url: replica.url, Key: KEY, ...settings });
  const bot = spawn(MONO, [program], {
    env: {
      PATH: process.env.PATH,
      ...Object.fromEntries(environment.map(([name, value]) => [`Callkeeper__${name}`, value])),
    },
  });
  onTestFinished(() => void bot.kill('SIGKILL'));
  const closed = once(bot, 'close');
  let output = '';
  for (const stream of [bot.stdout, bot.stderr]) stream.on('data', (chunk) => (output += chunk));
  const said = (text: string) => vi.waitFor(() => expect(output).toContain(text), PATIENCE);
  return {
    said,
    output: () => output,
    async does(what: string) {
      bot.stdin.write(`${what}\n`);
      await said(`${what}\n`);
    },
    async stops() {
      bot.stdin.end();
      return (await closed)[0];
    },
  };
}

describe.skipIf(!hasMono)('the hosted service of docs/dotnet.md', SLOW, () => {
  test('tracks established calls, stops removed ones, and all with its end', async () => {
    const [first, second] = [world.simulator.createCall(), world.simulator.createCall()];
    const bot = aBot({ Owner: 'hosted-1' });
    await bot.does(`established ${first}`);
    await bot.does(`established ${second}`);
    await vi.waitFor(async () => {
      expect(await get('/owners/hosted-1')).toMatchObject({ state: 'active', tracked: 2 });
    }, PATIENCE);
    await bot.does(`removed ${first}`);
    expect(await get(`/calls/${first}`)).toMatchObject({ state: 'untracked', owner: 'hosted-1' });
    expect(await get(`/calls/${second}`)).toMatchObject({ state: 'tracked' });
    expect(await bot.stops()).toBe(0);
    expect(await get(`/calls/${second}`)).toMatchObject({ state: 'untracked', reason: 'request' });
    expect(await get('/owners/hosted-1')).toMatchObject({ status: 404 });
    expect(bot.output()).not.toContain('warning');
  });

  test('leaves its calls to others if it is configured so', async () => {
    const call = world.simulator.createCall();
    const bot = aBot({ Owner: 'hosted-2', StopCallsAtShutdown: 'false' });
    await bot.does(`established ${call}`);
    expect(await bot.stops()).toBe(0);
    expect(await get(`/calls/${call}`)).toMatchObject({ state: 'tracked', owner: 'hosted-2' });
  });

  test('tracks its calls again after a time without renewals', async () => {
    const call = world.simulator.createCall();
    let lapsedAt = Number.POSITIVE_INFINITY;
    let batches = 0;
    const url = await aProxy(replica.url, (method, path) => {
      if (path === '/calls/track') batches++;
      return method === 'PUT' && performance.now() < lapsedAt ? 'refuse' : 'pass';
    });
    const bot = aBot({ Url: url, Owner: 'hosted-3', LeaseSeconds: '10' });
    await bot.does(`established ${call}`);
    await fetch(`${replica.url}/calls/${call}/track`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(batches).toBe(0);
    lapsedAt = performance.now() + 11_000; // longer than the lease
    await vi.waitFor(async () => {
      expect(await get(`/calls/${call}`)).toMatchObject({ state: 'tracked', owner: 'hosted-3' });
    }, PATIENCE);
    expect(batches).toBe(1);
    expect(await bot.stops()).toBe(0);
  });

  test('goes on with a wrong key, says so, and does not show it', async () => {
    const bot = aBot({ Owner: 'hosted-4', Key: 'a-wrong-key-that-nobody-has' });
    await bot.said('the lease at Callkeeper was not renewed: 401');
    expect(await bot.stops()).toBe(0);
    expect(bot.output()).toContain('the lease at Callkeeper runs out');
    expect(bot.output()).not.toContain('a-wrong-key');
  });
});
