import { setTimeout as sleep } from 'node:timers/promises';
import { slotWidthMs, type Wheel } from '../../../src/calls/wheel.ts';
import type { Microsoft } from './microsoft.ts';

/** Longer than the watch takes to look for a turn that was missed. */
const CALM_MS = 60_000;

/**
 * Waits until keepAlives come in their slots' turns only, for a while: turns that were missed
 * before a replica's start are made up for then. Resolves with how long that took, ms.
 */
export async function catchUp({ graph }: Microsoft, wheel: Wheel): Promise<number> {
  const startedAt = performance.now();
  let calmAt = startedAt;
  for (;;) {
    await graph.reset(wheel);
    await sleep(5_000);
    const { max } = await graph.turnLateness();
    const now = performance.now();
    if (!(max <= 2 * slotWidthMs(wheel))) calmAt = now;
    if (now - calmAt > CALM_MS) return calmAt - startedAt;
    if (now - startedAt > 300_000) throw new Error('the replica does not catch up');
  }
}
