import { dateline } from '../page/page.ts';
import { atMost, number, table, targetTable } from '../page/table.ts';
import type { RosterUse } from '../roster.ts';
import { SLOTS, writeCalls } from '../world/calls.ts';
import { Child } from '../world/child.ts';
import { BenchRedis } from '../world/redis.ts';
import { type Section, sized } from './section.ts';

/** What a call takes in Redis and in the memory of a replica, and reading them all takes of Redis. */
export const memory: Section = async ({ options, say }) => {
  const sizes = sized(options, {
    smoke: [2_000],
    normal: [10_000, 100_000],
    full: [10_000, 100_000, 1_000_000],
  });
  const rows: string[][] = [];
  let inRedis = Number.NaN;
  for (const calls of sizes) {
    say(`memory: ${calls} calls`);
    await using redis = await BenchRedis.start();
    const empty = await redis.bytes();
    await writeCalls(redis.url, { intervalMs: 900_000, slots: SLOTS }, calls);
    inRedis = ((await redis.bytes()) - empty) / calls;
    const [cpuBefore, readsBefore] = [await redis.cpuUs(), await redis.commands()];
    await using reader = new Child(new URL('../roster.ts', import.meta.url), {
      role: 'subject',
      nodeArgs: ['--expose-gc'],
    });
    const { tracked, heapBytes } = await reader.ask<RosterUse>('read', { url: redis.url, calls });
    if (tracked !== calls) throw new Error(`${tracked} of ${calls} calls were read`);
    const readUs = ((await redis.cpuUs()) - cpuBefore) / calls;
    const reads = (await redis.commands()) - readsBefore;
    const figures = [inRedis, heapBytes / calls, readUs, reads];
    rows.push([`${number(calls)} calls`, ...figures.map(number)]);
  }
  const head = ['', 'Redis, bytes a call', 'roster, bytes a call', 'Redis µs to read a call'];
  const parts = [
    table([...head, 'commands to read all'], rows),
    targetTable([atMost('Redis memory a call, the registry alone', 350, inRedis, ' B')]),
    dateline(options.mode, 'one round'),
  ];
  return { markdown: parts.join('\n\n') };
};
