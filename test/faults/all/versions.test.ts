import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { slotOf } from '../../../src/calls/wheel.ts';
import { slotKeys } from '../../../src/store/keys.ts';
import { nextVersion } from '../next-version.ts';
import { scenario } from '../scenario.ts';
import { INTERVAL_MS, type World } from '../world.ts';

const next = nextVersion();
const wheel = { intervalMs: INTERVAL_MS, slots: 256 };

/** What stands in Redis of a call: the version of its record, or '' for none. */
async function versionOf({ client }: World, id: string): Promise<string> {
  const { tracked, removed } = slotKeys(slotOf(id, wheel), wheel.slots);
  const text = (await client.hget(tracked, id)) ?? (await client.hget(removed, id)) ?? '';
  return text.slice(0, 1);
}

async function versionsOf(world: World, ids: readonly string[]): Promise<string> {
  const versions = await Promise.all(ids.map((id) => versionOf(world, id)));
  return [...new Set(versions)].sort().join();
}

describe('no call passes its deadline when replicas', () => {
  scenario(
    'of this version are replaced by those of the next one, with calls coming and going',
    { replicas: 2 },
    async (world) => {
      for (let i = 0; i < 2; i++) {
        const [newer] = await world.startReplicas(1, { source: next });
        await world.bot.startCalls(5, {}, newer);
        await world.bot.startCalls(5, {}, world.replica(i));
        await sleep(INTERVAL_MS);
        await Promise.all([world.replica(i).stop(), world.bot.startCalls(5, {}, newer)]);
        expect(world.replica(i).exitCode).toBe(0);
      }
      await sleep(INTERVAL_MS);
      const ids = world.bot.wanted.map(({ id }) => id);
      expect(await versionsOf(world, ids)).toBe('2');
    },
  );

  scenario(
    'of this version join those of the next one, whose records they leave alone',
    { replicas: 1, source: next, calls: 40 },
    async (world) => {
      const [call] = world.bot.wanted;
      if (!call) throw new Error('no call');
      const ids = world.bot.wanted.map(({ id }) => id);
      expect(await versionsOf(world, ids)).toBe('2');
      const [older] = await world.startReplicas(1);
      await world.bot.startCalls(10, {}, older);
      for (const method of ['POST', 'DELETE']) {
        const answer = await fetch(`${older?.url}/calls/${call.id}/track`, { method });
        expect(answer.status).toBe(503);
      }
      await sleep(2 * INTERVAL_MS);
      expect(await versionsOf(world, ids)).toBe('2');
      // Nothing is lost or stuck for the older one by what it cannot read.
      expect(await older?.status('/readyz')).toBe(200);
      await older?.stop();
      expect(older?.exitCode).toBe(0);
    },
  );
});
