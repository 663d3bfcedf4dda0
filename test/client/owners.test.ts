import { expect, test } from 'vitest';
import { Callkeeper } from '../../src/client/index.ts';
import { aServer, json, problem } from './server.ts';

test('owners are listed over all pages, by app and state', async () => {
  const { url, seen } = await aServer(
    json(200, { owners: [{ owner: 'bot-1' }], next: 'a' }),
    json(200, { owners: [{ owner: 'bot-2' }], next: null }),
  );
  const owners = new Callkeeper({ baseUrl: url }).owners({ app: 'a b', state: 'lapsed' });
  const names: string[] = [];
  for await (const { owner } of owners) names.push(owner);
  expect(names).toEqual(['bot-1', 'bot-2']);
  expect(seen.map((one) => one.url)).toEqual([
    '/owners?app=a+b&state=lapsed',
    '/owners?app=a+b&state=lapsed&cursor=a',
  ]);
});

test('an unknown owner is null; any other 404 is an error', async () => {
  const { url, seen } = await aServer(
    problem(404, 'owner-not-found'),
    problem(404, 'route-not-found'),
    (response) => void response.writeHead(404).end(),
  );
  const callkeeper = new Callkeeper({ baseUrl: url });
  expect(await callkeeper.getOwner('bot-7', { app: 'a b' })).toBeNull();
  await expect(callkeeper.getOwner('bot-7')).rejects.toMatchObject({ status: 404 });
  await expect(callkeeper.getOwner('bot-7')).rejects.toMatchObject({ status: 404, problem: null });
  expect(seen.map((one) => one.url)).toEqual([
    '/owners/bot-7?app=a+b',
    '/owners/bot-7',
    '/owners/bot-7',
  ]);
});

test('dropOwner says how many calls it stopped, and whether that is stored', async () => {
  const { url, seen } = await aServer(
    json(200, { stopped: 3 }),
    json(200, {}),
    json(202, { stopped: 2, durable: false }),
  );
  const callkeeper = new Callkeeper({ baseUrl: url });
  expect(await callkeeper.dropOwner('bot-7')).toEqual({ stopped: 3, durable: true });
  const dropped = await callkeeper.dropOwner('bot-7', { app: 'a b' });
  expect(dropped).toEqual({ stopped: 2, durable: false });
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'DELETE /owners/bot-7',
    'DELETE /owners/bot-7?app=a+b',
    'DELETE /owners/bot-7?app=a+b',
  ]);
});
