import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { App, AppCredential } from '../../src/graph/app.ts';
import { DEFAULT_SECRET, Simulator } from '../../src/simulator/simulator.ts';
import { CLIENT, makeApp, makeCall, makeGraph, trust } from './fixtures.ts';

const OTHER_CLIENT = '55555555-5555-4555-8555-555555555555';
const directory = mkdtempSync(join(tmpdir(), 'callkeeper-apps-'));
afterAll(() => rmSync(directory, { recursive: true }));

let simulator: Simulator;
let world: ReturnType<typeof makeGraph>;
beforeEach(async () => {
  simulator = new Simulator({ secrets: [DEFAULT_SECRET, 'another'] });
  await simulator.start();
  trust(simulator.caCertificate);
});
afterEach(async () => {
  await world.graph.close();
  await simulator.stop();
});

const app = (name: string, more: Partial<App> = {}): App => ({
  ...makeApp(simulator),
  name,
  ...more,
});
const secret = (value: string): { credential: AppCredential } => ({
  credential: { kind: 'secret', secret: { value } },
});
const send = async (name: string) =>
  world.graph.send(makeCall(simulator.createCall(), { app: name }));
const tokensAsked = () => simulator.ledger.tokens.length;

describe('when the apps are replaced', () => {
  test('calls of one that is gone fail with the reason, unsent; it comes back with the app', async () => {
    world = makeGraph([app('a'), app('b')]);
    expect((await send('b')).kind).toBe('renewed');
    world.graph.useApps([app('a')]);
    const asked = simulator.ledger.keepAlives.length;
    expect(await send('b')).toMatchObject({
      kind: 'failed',
      sentAt: null,
      error: { code: 'app', message: 'no app "b" is configured' },
    });
    expect(simulator.ledger.keepAlives).toHaveLength(asked);
    expect((await send('a')).kind).toBe('renewed');
    world.graph.useApps([app('a'), app('b')]);
    expect((await send('b')).kind).toBe('renewed');
  });

  test('an app that is as before keeps its tokens, with another webhook too', async () => {
    world = makeGraph([app('a'), app('b')]);
    await Promise.all([send('a'), send('b')]);
    expect(tokensAsked()).toBe(2);
    const webhook = { url: 'https://bot.example', secrets: async () => [] };
    world.graph.useApps([app('b', { webhook }), app('a'), app('c')]);
    await Promise.all([send('a'), send('b')]);
    expect(tokensAsked()).toBe(2);
    expect((await send('c')).kind).toBe('renewed');
    expect(tokensAsked()).toBe(3);
  });

  test('one with another client id sends no token of the one before', async () => {
    world = makeGraph(app('a'));
    await send('a');
    world.graph.useApps([app('a', { clientId: OTHER_CLIENT })]);
    await send('a');
    expect(simulator.ledger.keepAlives.map((it) => it.app)).toEqual([CLIENT, OTHER_CLIENT]);
  });

  test('one with another credential gets another token by it, at once', async () => {
    world = makeGraph(app('a'));
    await send('a');
    simulator.clients.acceptSecrets(['another']);
    world.graph.useApps([app('a', secret('another'))]);
    await send('a');
    await expect.poll(() => world.tokens).toEqual(['success', 'success']);
  });

  test('and its new credential is refused, the token at hand serves on', async () => {
    world = makeGraph(app('a'));
    await send('a');
    world.graph.useApps([app('a', secret('wrong'))]);
    expect((await send('a')).kind).toBe('renewed');
    await expect.poll(() => world.tokens).toEqual(['success', 'failure']);
    expect((await send('a')).kind).toBe('renewed');
  });

  test('one whose credential was refused asks at once with the new one, without the pause', async () => {
    world = makeGraph(app('a', secret('wrong')));
    expect(await send('a')).toMatchObject({ kind: 'failed', error: { code: 'token' } });
    world.graph.useApps([app('a')]);
    expect((await send('a')).kind).toBe('renewed');
  });

  test('a keepAlive that is under way is not disturbed', async () => {
    world = makeGraph([app('a'), app('b')]);
    await send('b');
    simulator.graphFaults.set({ kind: 'delay', delayMs: 200, count: 1 });
    const underWay = send('b');
    world.graph.useApps([app('a')]);
    expect((await underWay).kind).toBe('renewed');
  });
});

test('an app whose tokens fail does not hold up another one', async () => {
  const path = join(directory, 'secret');
  writeFileSync(path, 'wrong');
  const failing = app('failing', { credential: { kind: 'secret', secret: { file: path } } });
  world = makeGraph([failing, app('good')]);
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, i) => send(i % 2 === 0 ? 'failing' : 'good')),
  );
  const kinds = (rest: number) =>
    new Set(outcomes.filter((_, i) => i % 2 === rest).map((o) => o.kind));
  expect(kinds(0)).toEqual(new Set(['failed']));
  expect(kinds(1)).toEqual(new Set(['renewed']));
  // One request for each of them, not one a call.
  expect(tokensAsked()).toBe(2);
});
