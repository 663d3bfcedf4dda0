import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { keepEvidence, shorten } from './evidence.ts';
import { type Allowance, checkOracles, forgotten } from './oracles.ts';
import { windUp } from './winding-up.ts';
import { INTERVAL_MS, World, type WorldOptions } from './world.ts';

export interface ScenarioOptions extends WorldOptions, Allowance {
  /** How many calls are tracked before the fault; default 80. */
  calls?: number;
  /** How long it goes on after the fault, before it is judged; default an interval and some. */
  settleMs?: number;
  /** It wants the machine to itself. */
  alone?: boolean;
}

/** The whole of a scenario, its start and its end included. */
const SCENARIO_MS = 180_000;
const STEADY_MS = 1_500;

/**
 * A test in a world of its own: calls are tracked, `fault` is done, and after
 * that the oracles are asked. `fault` resolves when all is well again.
 */
export function scenario(
  title: string,
  options: ScenarioOptions,
  fault: (world: World) => Promise<void>,
): void {
  // Each waits most of the time; how many do so at once is the configuration's to say.
  const run = options.alone ? test : test.concurrent;
  run(title, { timeout: SCENARIO_MS }, async () => {
    await using world = await World.start(options);
    try {
      await world.bot.startCalls(options.calls ?? 80);
      await sleep(STEADY_MS);
      if (options.redisWasOut) await world.separating(() => fault(world));
      else await fault(world);
      await sleep(options.settleMs ?? INTERVAL_MS + 3_500);
      const lost = forgotten(world, options);
      await windUp(world);
      const { violations, summary } = await checkOracles(world, options);
      const all = [...lost, ...violations];
      process.stdout.write(`  ${all.length === 0 ? 'kept' : 'BROKEN'} | ${title} | ${summary}\n`);
      if (process.env.FAULTS_EVIDENCE) process.stdout.write(`  ${keepEvidence(world)}\n`);
      expect(shorten(all)).toEqual([]);
    } catch (error) {
      throw new Error(`logs and ledger: ${keepEvidence(world)}`, { cause: error });
    }
  });
}
