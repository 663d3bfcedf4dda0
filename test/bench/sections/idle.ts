import { setTimeout as sleep } from 'node:timers/promises';
import { dateline } from '../page/page.ts';
import { atMost, megabytes, number, table, targetTable } from '../page/table.ts';
import { Daemon } from '../world/daemon.ts';
import { BenchRedis } from '../world/redis.ts';
import { type Section, sized } from './section.ts';

/** What a replica uses that has no calls, at the real interval. */
export const idle: Section = async ({ microsoft, options, say }) => {
  const windowMs = sized(options, { smoke: 2_000, normal: 20_000, full: 60_000 });
  await using redis = await BenchRedis.start();
  await using daemon = await Daemon.start({ microsoft, redisUrl: redis.url });
  await sleep(windowMs / 4); // the start itself is over
  say('idle');
  const [before, redisBefore] = [await daemon.child.usage(), await redis.cpuUs()];
  await sleep(windowMs);
  const [after, redisAfter] = [await daemon.child.usage(), await redis.cpuUs()];
  const share = (us: number) => us / 10 / (after.at - before.at);
  const [node, store] = [share(after.cpuUs - before.cpuUs), share(redisAfter - redisBefore)];
  const parts = [
    table(
      ['', 'of a core', 'memory'],
      [
        ['the daemon', `${number(node)} %`, `${megabytes(after.rss)} (RSS)`],
        ['Redis', `${number(store)} %`, megabytes(await redis.bytes())],
      ],
    ),
    targetTable([atMost('idle', 1, node, ' % of a core')]),
    dateline(options.mode, `over ${windowMs / 1_000} s`),
  ];
  return { markdown: parts.join('\n\n') };
};
