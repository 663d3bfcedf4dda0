import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { DEFAULT_SECRET } from '../../../src/simulator/simulator.ts';
import type { BotCall } from '../bot.ts';
import { shorten } from '../evidence.ts';
import { readLives } from '../lives.ts';
import { scenario } from '../scenario.ts';
import { DEADLINE_MS, INTERVAL_MS, type World } from '../world.ts';

/** A healthy call is late if it has waited for a keepAlive for two thirds of its deadline. */
const LATE_MS = (DEADLINE_MS * 2) / 3;
const TENANT = '11111111-1111-4111-8111-111111111111';

/** The environment of several apps in one daemon; `reception` is the default. */
function severalApps(...names: string[]): NodeJS.ProcessEnv {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-apps-'));
  writeFileSync(join(directory, 'secret'), DEFAULT_SECRET);
  const apps = ['reception', ...names].map(
    (name, i) => `  - name: ${name}
    default: ${i === 0}
    tenantId: ${TENANT}
    clientId: ${'2'.repeat(7)}${i}-2222-4222-8222-222222222222
    credential: { clientSecretFile: secret }
`,
  );
  writeFileSync(join(directory, 'apps.yaml'), `apps:\n${apps.join('')}`);
  const none = { AZURE_TENANT_ID: '', AZURE_CLIENT_ID: '', AZURE_CLIENT_SECRET_FILE: '' };
  return { ...none, APPS_FILE: join(directory, 'apps.yaml') };
}

/** Has calls tracked whose requests meet a fault from the first one on. */
async function trackFailing(
  { simulator, bot }: World,
  count: number,
  bodyOf: (nth: number) => object,
  onMade: (ids: readonly string[]) => void,
): Promise<void> {
  const ids = Array.from({ length: count }, () => simulator.createCall());
  onMade(ids);
  for (let from = 0; from < count; from += 16) {
    const some = ids.slice(from, from + 16);
    await Promise.all(some.map((id, i) => bot.track(id, bodyOf(from + i))));
  }
}

/** None of the others has waited long, and each was kept alive since the trouble began. */
function expectOnTime(world: World, isFailing: (call: BotCall) => boolean, count: number): void {
  const healthy = readLives(world).filter(({ call }) => !isFailing(call));
  expect(healthy).toHaveLength(count);
  const late = healthy.filter(({ died, worstGapMs }) => died || worstGapMs > LATE_MS);
  const worst = Math.max(...healthy.map(({ worstGapMs }) => worstGapMs));
  process.stdout.write(`  ${late.length} of ${count} late, the longest gap ${worst} ms\n`);
  expect(shorten(late.map(({ call, worstGapMs }) => `late: ${call.id}, ${worstGapMs} ms`))).toEqual(
    [],
  );
}

describe('healthy calls are on time', () => {
  {
    const failing = new Set<string>();
    const isFailing = ({ id }: BotCall) => failing.has(id);
    scenario(
      'beside an app whose requests hang and one that is throttled all the time',
      { calls: 150, replicas: 1, env: severalApps('hanging', 'throttled'), mayDie: isFailing },
      async (world) => {
        const fail = (
          app: string,
          fault: Parameters<World['simulator']['graphFaults']['set']>[0],
        ) =>
          trackFailing(
            world,
            600,
            () => ({ app }),
            (ids) => {
              for (const id of ids) failing.add(id);
              world.simulator.graphFaults.set({ ...fault, callIds: [...ids] });
            },
          );
        const headers = { 'retry-after': '2' };
        await Promise.all([
          fail('hanging', { kind: 'hang' }),
          fail('throttled', { kind: 'status', status: 429, headers, body: '{}' }),
        ]);
        await sleep(20_000);
        expectOnTime(world, isFailing, 150);
      },
    );
  }

  {
    const failing = new Set<string>();
    const isFailing = ({ id }: BotCall) => failing.has(id);
    scenario(
      'beside two batches of a thousand calls with made-up tenants',
      { calls: 100, replicas: 1, mayDie: isFailing },
      async (world) => {
        const { simulator } = world;
        const tenantIds: string[] = [];
        const tenantOf = (nth: number) =>
          `99999999-9999-4999-8999-${String(nth).padStart(12, '0')}`;
        for (let nth = 0; nth < 2_000; nth++) tenantIds.push(tenantOf(nth));
        simulator.entraFaults.set({ kind: 'status', status: 400, aadsts: 90002, tenantIds });
        for (const batch of [0, 1]) {
          const bodyOf = (nth: number) => ({ tenantId: tenantOf(batch * 1_000 + nth) });
          await trackFailing(world, 1_000, bodyOf, (ids) => {
            for (const id of ids) failing.add(id);
          });
        }
        await sleep(2 * DEADLINE_MS);
        expectOnTime(world, isFailing, 100);
      },
    );
  }

  {
    let asked: BotCall | null = null;
    const isAsked = (call: BotCall) => call === asked;
    scenario(
      'although a client asks for a keepAlive of one call 150 times a second, of a slow Graph',
      { calls: 50, replicas: 1, mayDie: isAsked },
      async (world) => {
        const { simulator, bot } = world;
        const [call] = (await bot.startCalls(1)) as [BotCall];
        asked = call;
        simulator.graphFaults.set({ kind: 'hang', callIds: [call.id] });
        simulator.graphFaults.set({ kind: 'delay', delayMs: 500 });
        const statuses = new Map<number, number>();
        const ask = async () => {
          const url = `${world.replica(0).url}/calls/${call.id}/keepAlive`;
          const answer = await fetch(url, { method: 'POST' });
          await answer.arrayBuffer();
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        };
        const asking: Promise<void>[] = [];
        for (let i = 0; i < 150 * 20; i++) {
          asking.push(ask());
          if (i % 15 === 14) await sleep(100);
        }
        await Promise.all(asking);
        process.stdout.write(`  answered: ${JSON.stringify([...statuses])}\n`);
        const sent = simulator.ledger.of(call.id).length;
        expect(sent).toBeLessThan(100);
        expectOnTime(world, isAsked, 50);
        simulator.graphFaults.clear();
        await sleep(INTERVAL_MS);
      },
    );
  }
});
