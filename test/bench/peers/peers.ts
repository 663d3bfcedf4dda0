import { Child } from '../world/child.ts';
import { BenchPostgres } from '../world/postgres.ts';
import { BenchRedis } from '../world/redis.ts';
import type { Store } from '../world/store.ts';
import type { Plan } from './plan.ts';
import type { Subject } from './subject.ts';

interface Peer {
  readonly program: string;
  readonly startStore: () => Promise<Store> | null;
}

export const FLOOR = peer(
  { name: 'floor', title: 'the floor: a timer a call, undici', burstMs: 1_500 },
  { program: '../floor.ts', startStore: () => null },
);

export const RAW = peer(
  { name: 'raw', title: 'raw undici POST in a loop', burstMs: 1_500 },
  { program: '../raw.ts', startStore: () => null },
);

export const SCHEDULER_A_CALL = peer(
  { name: 'bullmq', title: 'a BullMQ Job Scheduler a call', burstMs: 6_000 },
  { program: '../scheduler-a-call.ts', startStore: () => BenchRedis.start() },
);

export const PG_BOSS = peer(
  { name: 'pg-boss', title: 'pg-boss, a job a call', burstMs: 6_000 },
  { program: '../pg-boss.ts', startStore: () => BenchPostgres.start() },
);

/**
 * A program of this directory. It gets its {@link Plan} at the start, and later the instants at
 * which the calls are due.
 */
function peer(told: Omit<Subject, 'start'>, { program, startStore }: Peer): Subject {
  return {
    ...told,
    async start(microsoft, calls, due) {
      await using starting = new AsyncDisposableStack();
      const store = await startStore();
      if (store) starting.use(store);
      const emptyBytes = (await store?.bytes()) ?? 0;
      const plan: Plan = { graphUrl: microsoft.graph.url, storeUrl: store?.url ?? '', calls };
      const env = { PLAN: JSON.stringify(plan) };
      const file = new URL(program, import.meta.url);
      const child = starting.use(new Child(file, { role: 'subject', env }));
      await child.ask('arm', due);
      const running = starting.move();
      return {
        child,
        store,
        emptyBytes,
        [Symbol.asyncDispose]: () => running.disposeAsync(),
      };
    },
  };
}
