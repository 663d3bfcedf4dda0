import { setTimeout as sleep } from 'node:timers/promises';
import { figure } from '../report/table.ts';
import { Daemon } from '../world/daemon.ts';
import { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import type { Section } from './section.ts';

/** The cost of a replica without calls, at the real interval. */
export const IDLE: Section = {
  name: 'idle',
  title: 'a replica without calls',
  async run({ quick }) {
    await using microsoft = await Microsoft.start();
    await using redis = await BenchRedis.start();
    await using daemon = await Daemon.start({ microsoft, redisUrl: redis.url });
    await sleep(quick ? 1_000 : 5_000);
    const read = async () => ({ ...(await daemon.child.usage()), redisUs: await redis.cpuUs() });
    const before = await read();
    await sleep(quick ? 2_000 : 20_000);
    const after = await read();
    const share = (us: number) => (100 * us) / 1_000 / (after.at - before.at);
    const node = share(after.cpuUs - before.cpuUs);
    const store = share(after.redisUs - before.redisUs);
    return [
      {
        name: 'idle',
        tables: [
          {
            columns: ['without calls', '% of a core', 'memory, MB'],
            rows: [
              ['a replica', figure(node), figure(after.rss / 1e6)],
              ['Redis', figure(store), figure((await redis.bytes()) / 1e6)],
            ],
          },
        ],
        targets: [{ what: 'a replica, % of a core', wanted: 1, got: node, is: 'most' }],
      },
    ];
  },
};
