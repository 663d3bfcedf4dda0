/**
 * Loaded before the program of every Node process that is measured
 * (`node --import`), the daemon included: tells the bench what the process uses,
 * and ends it where the bench is gone.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { LoopDelay, Usage } from './measure/usage.ts';
import { serve } from './rpc.ts';

let loop: ReturnType<typeof monitorEventLoopDelay> | null = null;

serve({
  usage: (): Usage => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return { at: performance.now(), cpuUs: user + system, rss, heapUsed };
  },
  /** Watching costs a wake-up each 10 ms: it is asked for where the delay itself is measured. */
  watchLoop: () => {
    loop?.disable();
    loop = monitorEventLoopDelay({ resolution: 10 });
    loop.enable();
  },
  loopDelay: (): LoopDelay => {
    if (!loop) throw new Error('the event loop is not watched');
    const ms = (ns: number) => ns / 1e6;
    return { p50: ms(loop.percentile(50)), p99: ms(loop.percentile(99)), max: ms(loop.max) };
  },
});

process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
