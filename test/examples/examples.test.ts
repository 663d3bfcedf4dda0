import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import { Sender } from '../../src/webhooks/sender.ts';
import { trust } from '../graph/fixtures.ts';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { SECRET } from '../webhooks/receiver.ts';
import { compile, hasMono, isThere } from './mono.ts';
import { aProxy } from './proxy.ts';

/** Those of Python and C#, and the receiver; the bot in Node is run from a package, in test/pack/. */

const run = promisify(execFile);
const redis = redisForFile();
const world = new World();
const SLOW = { timeout: 120_000 };
const KEY = 'a-key-of-at-least-24-characters';
let replica: Replica;
beforeAll(async () => {
  await world.start();
  replica = await world.replica({ REDIS_URL: redis.url, API_KEYS: KEY }).ready();
}, 60_000);
afterAll(() => world.stop());

const environment = (callkeeper: string) => ({
  PATH: process.env.PATH,
  CALLKEEPER_URL: callkeeper,
  CALLKEEPER_API_KEY: KEY,
  SIMULATOR: world.simulator.graphBaseUrl.replace('/v1.0', '/_simulator'),
});

/** In front of the replica: answers 503 to the first two, and cuts the third off. */
function anUnsteadyProxy(): Promise<string> {
  let requests = 0;
  return aProxy(replica.url, () => {
    requests++;
    if (requests === 3) return 'cut';
    return requests < 3 ? 'refuse' : 'pass';
  });
}

const whole = (output: string) => {
  const lines = output.replaceAll('\r', '').trim().split('\n');
  expect(lines.map((line) => line.replace(/[0-9a-f-]{36}/, 'ID'))).toEqual([
    'tracked ID',
    'tracked ID',
    // If a turn of the wheel came before the bot's stop, Graph's 404 has ended the call.
    expect.stringMatching(
      wasFoundOver(lines[2]) ? /^hung up ID (untracked|ended)$/ : /^hung up ID untracked$/,
    ),
    'over ID ended',
  ]);
};

const get = async (path: string) => {
  const answer = await fetch(replica.url + path, { headers: { authorization: `Bearer ${KEY}` } });
  return (await answer.json()) as Record<string, unknown>;
};

/** The bot was the owner of its calls, with a lease, and dropped itself when it stopped. */
async function wasOwner(output: string) {
  const [id = ''] = /[0-9a-f-]{36}/.exec(output) ?? [];
  const { owner } = await get(`/calls/${id}`);
  expect(owner).toMatch(/^[A-Za-z0-9._-]+-[0-9a-f]{8}$/);
  const asked = () => replica.log.filter((line) => line.audit && line.owner === owner);
  await vi.waitFor(() => {
    expect(asked().map(({ action }) => action)).toEqual(['own', 'drop-owner']);
  });
  expect(await get(`/owners/${owner}`)).toMatchObject({ status: 404 });
}

function wasFoundOver(line = ''): boolean {
  const [id = ''] = /[0-9a-f-]{36}/.exec(line) ?? [];
  return world.simulator.ledger.of(id).some(({ answer }) => answer === 404);
}

describe.skipIf(!isThere('python3'))('the example in Python', SLOW, () => {
  const example = (env: object) => run('python3', ['examples/bot.py'], { env: { ...env } });

  test('sees a call through, and one that ends by itself', async () => {
    const { stdout } = await example(environment(replica.url));
    whole(stdout);
    await wasOwner(stdout);
  });

  test('loses no call if Callkeeper is not there at first', async () => {
    whole((await example(environment(await anUnsteadyProxy()))).stdout);
  });

  test('fails if its key is wrong', async () => {
    const env = { ...environment(replica.url), CALLKEEPER_API_KEY: 'wrong' };
    await expect(example(env)).rejects.toMatchObject({ stderr: expect.stringContaining('401') });
  });
});

test.skipIf(!isThere('python3'))(
  'the example in Python stops its calls if it is ended',
  SLOW,
  async () => {
    const bot = spawn('python3', ['-u', 'examples/bot.py'], { env: environment(replica.url) });
    onTestFinished(() => void bot.kill('SIGKILL'));
    const closed = once(bot, 'close');
    let output = '';
    bot.stdout.on('data', (chunk) => (output += chunk));
    // Unbuffered, Python writes a line in pieces.
    const ids = () => [...output.matchAll(/^tracked ([0-9a-f-]{36})$/gm)].map(([, id]) => id);
    await vi.waitFor(() => expect(ids()).toHaveLength(2), { timeout: 60_000 });
    const [, second] = ids();
    bot.kill('SIGTERM');
    expect((await closed)[0]).toBe(0);
    expect(await get(`/calls/${second}`)).toMatchObject({ state: 'untracked', reason: 'request' });
    await wasOwner(output);
  },
);

describe.skipIf(!hasMono)('the example in C#', SLOW, () => {
  const program = join(world.directory, 'Bot.exe');
  const example = (env: object) => run('mono', [program], { env: { ...env } });
  beforeAll(async () => {
    await compile(program, ['examples/Bot.cs', 'examples/Callkeeper.cs']);
  }, 60_000);

  test('sees a call through, and one that ends by itself', async () => {
    const { stdout } = await example(environment(replica.url));
    whole(stdout);
    await wasOwner(stdout);
  });

  test('loses no call if Callkeeper is not there at first', async () => {
    whole((await example(environment(await anUnsteadyProxy()))).stdout);
  });

  test('fails if its key is wrong', async () => {
    const env = { ...environment(replica.url), CALLKEEPER_API_KEY: 'wrong' };
    await expect(example(env)).rejects.toMatchObject({ stderr: expect.stringContaining('401') });
  });
});

test('the example of a receiver verifies each event, and handles it once', SLOW, async () => {
  const identity = await createServerIdentity();
  const file = (name: string, text: string) => {
    const path = join(world.directory, name);
    writeFileSync(path, text);
    return path;
  };
  const receiver = spawn(process.execPath, ['examples/receiver.mjs'], {
    env: {
      WEBHOOK_SECRET: SECRET,
      TLS_CERT: file('receiver.pem', identity.certificate),
      TLS_KEY: file('receiver.key', identity.key),
      PORT: '0',
    },
  });
  onTestFinished(() => void receiver.kill());
  let said = '';
  const hear = (chunk: Buffer) => (said += chunk);
  receiver.stdout.on('data', hear);
  receiver.stderr.on('data', hear);
  await vi.waitFor(() => expect(said).toContain('https://'), { timeout: 30_000 });
  const url = said.trim();
  said = '';
  const tell = (secret: string, body: string) =>
    new Sender({ allowPrivate: true, userAgent: 'test', timeoutMs: 10_000 }).send({
      id: 'e1',
      url,
      body,
      secrets: [secret],
    });
  trust(identity.ca);
  const body = JSON.stringify({ id: 'e1', type: 'call.ended', call: { id: 'c1' } });
  expect(await tell(SECRET, body)).toEqual({ kind: 'delivered' });
  expect(await tell(SECRET, body)).toEqual({ kind: 'delivered' });
  await vi.waitFor(() => expect(said).toBe('call.ended c1\n'), { timeout: 30_000 });
  const ofOwner = JSON.stringify({ id: 'e2', type: 'owner.lapsed', owner: { owner: 'bot-7' } });
  expect(await tell(SECRET, ofOwner)).toEqual({ kind: 'delivered' });
  const both = 'call.ended c1\nowner.lapsed bot-7\n';
  await vi.waitFor(() => expect(said).toBe(both), { timeout: 30_000 });
  const another = `whsec_${Buffer.from('x'.repeat(32)).toString('base64')}`;
  const refused = { kind: 'failed', reason: 'status 400', retryAfterMs: null };
  expect(await tell(another, body)).toEqual(refused);
  expect(await tell(SECRET, `"${'x'.repeat(100_000)}"`)).toMatchObject({ kind: 'failed' });
});
