import { setTimeout as sleep } from 'node:timers/promises';
import { readLives } from './lives.ts';
import { INTERVAL_MS, until, type World } from './world.ts';

/** Half of the calls are stopped, the others hung up; each must be found and told of by itself. */
export async function windUp(world: World): Promise<void> {
  const wanted = new Set(world.bot.wanted);
  const alive = readLives(world).filter(({ call, died }) => wanted.has(call) && !died);
  const stopping = new Set<Promise<void>>();
  for (const [i, { call }] of alive.entries()) {
    if (i % 2 === 0) world.bot.hangUp(call);
    else stopping.add(world.bot.stopCall(call));
    if (stopping.size >= 16) await Promise.all(stopping).then(() => stopping.clear());
  }
  await Promise.all(stopping);
  const allFound = () =>
    readLives(world).every(({ call, died, overAt }) => !call.hungUpAt || died || overAt !== null);
  // What is not found by then the oracles tell of.
  await until('all endings are found', allFound, 2 * INTERVAL_MS + 2_000).catch(() => undefined);
  await sleep(2_500); // what was in flight lands
}
