import { setTimeout as sleep } from 'node:timers/promises';
import { readLives } from './lives.ts';
import { INTERVAL_MS, until, type World } from './world.ts';

/**
 * Stops half of the calls and hangs up the others; Callkeeper must find and publish each ending.
 */
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
  // The oracles report what is not found by then.
  await until('all endings are found', allFound, 2 * INTERVAL_MS + 2_000).catch(() => undefined);
  await sleep(2_500); // what was in flight lands
}
