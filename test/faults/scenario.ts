import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { keepEvidence, shorten } from './evidence.ts';
import { type Allowance, checkOracles, forgotten } from './oracles.ts';
import { windUp } from './winding-up.ts';
import { INTERVAL_MS, World, type WorldOptions } from './world.ts';

export interface ScenarioOptions extends WorldOptions, Allowance {
  /** Default: 80. */
  calls?: number;
  /** How long it runs after the fault. Default: a little more than an interval. */
  settleMs?: number;
  /** It needs the machine to itself. */
  alone?: boolean;
}

/** Limit of a scenario, with start and stop. */
const SCENARIO_MS = 180_000;
const STEADY_MS = 1_500;

/**
 * A test in its own world: it tracks calls, runs `fault`, which resolves when all is well again,
 * and then asks the oracles.
 */
export function scenario(
  title: string,
  options: ScenarioOptions,
  fault: (world: World) => Promise<void>,
): void {
  // Concurrent, because each waits most of the time; vitest.config.ts limits how many run at once.
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
