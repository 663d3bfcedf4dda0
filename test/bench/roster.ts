/** What a replica's own copy of all calls takes, alone in a process (`--expose-gc`). */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Roster } from '../../src/store/roster.ts';
import { serve } from './rpc.ts';
import { newCall, REAL_INTERVAL_MS, SLOTS } from './world/calls.ts';

serve({
  /** Bytes a call. */
  measure: async (calls: number): Promise<number> => {
    const roster = new Roster({
      wheel: { intervalMs: REAL_INTERVAL_MS, slots: SLOTS },
      deadlineMs: 3 * REAL_INTERVAL_MS,
      mostCalls: calls,
      onUnheld: () => undefined,
    });
    const before = await used();
    for (let i = 0; i < calls; i++) roster.put(newCall(Date.now()));
    const bytes = (await used()) - before;
    if ((await roster.summary(Date.now())).tracked !== calls) throw new Error('calls are missing');
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
