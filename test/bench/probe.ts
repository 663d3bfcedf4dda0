/**
 * `node --import` loads it into every Node process that the bench measures, including the daemon.
 * It reports what the process uses, and ends it when the bench is gone.
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
  /** Costs a wake-up every 10 ms, so only measurements of the delay start it. */
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
