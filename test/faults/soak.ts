import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pick, seeded } from './chance.ts';
import { keepEvidence, shorten } from './evidence.ts';
import { readLives } from './lives.ts';
import { checkOracles, forgotten } from './oracles.ts';
import { FAMILIES } from './soak-faults.ts';
import { windUp } from './winding-up.ts';
import { INTERVAL_MS, World } from './world.ts';

/**
 * A random schedule of faults over many calls that come and go, then the same oracles as for every
 * scenario. The seed determines the faults, their victims and durations, but not how the machine
 * times them.
 *
 *   node test/faults/soak.ts --minutes 20 --seed 7 --calls 2000
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    calls: { type: 'string', default: '2000' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const calls = Number(values.calls);
if (!(minutes > 0) || !Number.isInteger(seed) || !(calls > 0)) {
  process.stderr.write('soak: --minutes, --seed and --calls must be numbers\n');
  process.exit(2);
}
// Exits explicitly: Node 24.21 once hung while it closed its handles (CleanupHandles, one core
// busy).
process.exit(await soak());

async function soak(): Promise<number> {
  await using world = await World.start({
    replicas: 3,
    linked: true,
    movableClocks: true,
    movableRedisClock: true,
    env: { NODE_TLS_REJECT_UNAUTHORIZED: '0', LOG_LEVEL: 'info' },
    simulator: { seed },
    random: seeded(seed + 1),
  });
  print(`soak of ${minutes} min, seed ${seed}, ${calls} calls, 3 replicas`);
  await world.bot.startCalls(calls);
  const done = new Map<string, number>();
  const stop = new AbortController();
  const churning = churn(world, stop.signal);
  const violations: string[] = [];
  const ends = Date.now() + minutes * 60_000;
  const random = seeded(seed);
  try {
    while (Date.now() < ends) await harm(world, random, done);
  } catch (error) {
    violations.push(`harness: ${error}`);
  }
  stop.abort();
  violations.push(...(await churning));
  await sleep(2 * INTERVAL_MS + 4_000);
  violations.push(...forgotten(world, {}));
  await windUp(world);
  const verdict = await checkOracles(world, { redisWasOut: true, redisLostData: true });
  violations.push(...verdict.violations);
  for (const [kind, count] of [...done].sort()) print(`  ${count} × ${kind}`);
  print(`${[...done.values()].reduce((sum, count) => sum + count, 0)} faults; ${verdict.summary}`);
  for (const violation of shorten(violations)) print(`  BROKEN ${violation}`);
  if (violations.length > 0) print(`  evidence: ${keepEvidence(world)}`);
  print(`seed ${seed}: ${violations.length === 0 ? 'kept' : `${violations.length} violations`}`);
  return violations.length === 0 ? 0 : 1;
}

/** One fault, then a turn of the wheel without any. */
async function harm(world: World, random: () => number, done: Map<string, number>): Promise<void> {
  const fault = pick(pick(FAMILIES, random), random);
  const startedAt = Date.now();
  if (fault.separates) await world.separating(() => fault.act(world, random));
  else await fault.act(world, random);
  done.set(fault.kind, (done.get(fault.kind) ?? 0) + 1);
  const tookMs = Date.now() - startedAt;
  await sleep(INTERVAL_MS + 1_500);
  const lives = readLives(world);
  const lost = lives.filter(({ died }) => died).length;
  const worst = lives.reduce((most, { worstGapMs }) => Math.max(most, worstGapMs), 0);
  print(`  ${fault.kind} (${tookMs} ms); worst gap so far ${worst} ms, lost ${lost}`);
}

/** Calls begin and end all the time; their number stays the same. */
async function churn({ bot }: World, stop: AbortSignal): Promise<string[]> {
  const random = seeded(seed + 2);
  const broken: string[] = [];
  while (!stop.aborted) {
    try {
      const call = pick(bot.wanted, random);
      const what = random();
      if (what < 0.4) bot.hangUp(call);
      else if (what < 0.8) await bot.stopCall(call);
      else await bot.track(call.id, { labels: { again: 'yes' } });
      if (what < 0.8) await bot.startCalls(1);
    } catch (error) {
      broken.push(`unanswered: ${error}`);
    }
    await sleep(100);
  }
  return broken;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
