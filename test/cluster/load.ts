import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../faults/world.ts';

/** During `act`, calls begin and end all the time; their number stays the same. */
export async function underLoad<T>(world: World, act: () => Promise<T>): Promise<T> {
  const { bot } = world;
  const done = new AbortController();
  const churning = (async () => {
    for (let i = 0; !done.signal.aborted; i++) {
      await bot.startCalls(2);
      const { wanted } = bot;
      const [stopped, hungUp] = [wanted[i % wanted.length], wanted[(i + 7) % wanted.length]];
      if (stopped) await bot.stopCall(stopped);
      if (hungUp && hungUp !== stopped) bot.hangUp(hungUp);
      await sleep(150);
    }
  })();
  try {
    return await act();
  } finally {
    done.abort();
    await churning;
  }
}
