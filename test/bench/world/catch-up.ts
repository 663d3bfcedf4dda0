import { setTimeout as sleep } from 'node:timers/promises';
import { slotWidthMs, type Wheel } from '../../../src/calls/wheel.ts';
import type { Microsoft } from './microsoft.ts';

/** Longer than the watch takes to notice a missed turn. */
const CALM_MS = 60_000;

/**
 * Waits until keepAlives have come only in their slots' turns for a while. Before that, the replica
 * makes up for the turns that were missed before it started. Resolves with how long that took, in
 * ms.
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
