/** Measures the memory of a replica's local registry, alone in a process (`--expose-gc`). */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addSummaries } from '../../src/overview/tally.ts';
import { Census } from '../../src/store/census.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { CALLS } from '../../src/store/record-kind.ts';
import { serve } from './rpc.ts';
import { newRecord, REAL_INTERVAL_MS, SLOTS } from './world/calls.ts';

serve({
  /** Resolves with bytes per call. */
  measure: async (calls: number): Promise<number> => {
    const wheel = { intervalMs: REAL_INTERVAL_MS, slots: SLOTS };
    const local = new LocalRegistry({ kind: CALLS, slots: wheel.slots });
    const census = new Census(local, SLOTS, 3 * REAL_INTERVAL_MS);
    const before = await used();
    for (let i = 0; i < calls; i++) local.merge(newRecord(Date.now()));
    const bytes = (await used()) - before;
    const summaries = await census.summaries(Date.now());
    if (addSummaries(summaries.values()).tracked !== calls) throw new Error('calls are missing');
    return bytes / calls;
  },
});

async function used(): Promise<number> {
  globalThis.gc?.();
  await nextTurn(); // buffers are given back only after it
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
