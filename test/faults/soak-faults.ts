import { setTimeout as sleep } from 'node:timers/promises';
import { pick } from './chance.ts';
import { damageWheel, REDIS_FAULTS } from './redis-faults.ts';
import type { Replica } from './replica.ts';
import type { World } from './world.ts';

/** `run` resolves when the fault is healed. */
export interface SoakFault {
  readonly kind: string;
  /** Whether replicas may not see each other while it lasts. */
  readonly separates: boolean;
  readonly act: (world: World, random: () => number) => Promise<void>;
}

/**
 * In ms. Together with the interval before it, an outage of Graph must leave time before the
 * deadline.
 */
const GRAPH_OUT = [1_000, 5_500] as const;
const REDIS_OUT = [500, 15_000] as const;
const HOUR_S = 3_600;

const between = ([least, most]: readonly [number, number], random: () => number) =>
  least + random() * (most - least);

const redisFaults: SoakFault[] = Object.entries(REDIS_FAULTS).map(([name, { act }]) => ({
  kind: `Redis ${name}`,
  separates: true,
  act: (world, random) => act(world, between(REDIS_OUT, random)),
}));

const onReplica = (
  kind: string,
  separates: boolean,
  act: (replica: Replica, world: World, random: () => number) => Promise<void>,
): SoakFault => ({
  kind: `a replica ${kind}`,
  separates,
  act: (world, random) => act(pick(world.living, random), world, random),
});

const replicaFaults: SoakFault[] = [
  onReplica('is killed', true, async (replica, world) => {
    await replica.kill();
    await trackAgain(replica, world);
    await world.startReplicas(1);
  }),
  onReplica('is replaced', false, async (replica, world) => {
    await world.startReplicas(1);
    await replica.stop();
  }),
  onReplica('is stopped in its tracks', true, async (replica, _, random) => {
    replica.freeze();
    await sleep(between([500, 9_000], random));
    replica.thaw();
  }),
  onReplica('has its event loop blocked', true, async (replica, _, random) => {
    const ms = Math.round(between([500, 6_000], random));
    replica.afflict(`block ${ms}`);
    await sleep(ms);
  }),
  onReplica('has a worker that stops fetching jobs', false, async (replica) => {
    replica.afflict('stopFetching');
    await sleep(5_000);
  }),
  onReplica('has its clock wrong for a while', false, async (replica, _, random) => {
    replica.setClock(pick([-3_600, -2_700, 2_700, 3_600], random));
    await sleep(between([2_000, 9_000], random));
    replica.setClock(0);
  }),
  {
    kind: "Redis's clock jumps, and jumps back",
    separates: false,
    act: async (world, random) => {
      world.redis.setClock(pick([-HOUR_S, HOUR_S], random));
      await sleep(between([2_000, 9_000], random));
      world.redis.setClock(0);
    },
  },
  {
    kind: "BullMQ's keys are deleted",
    separates: false,
    act: async (world, random) => {
      await damageWheel(world, pick(['repeat*', 'delayed', '*'], random));
    },
  },
];

const graphFault = (
  kind: string,
  begin: (world: World) => unknown,
  end: (world: World) => unknown,
): SoakFault => ({
  kind,
  separates: false,
  act: async (world, random) => {
    await begin(world);
    await sleep(between(GRAPH_OUT, random));
    await end(world);
  },
});

const clear = ({ simulator }: World) => simulator.graphFaults.clear();
const headers = { 'retry-after': '2.128' };

const graphFaults: SoakFault[] = [
  graphFault(
    'Graph is out',
    ({ simulator }) => simulator.graphDown(),
    ({ simulator }) => simulator.graphUp(),
  ),
  graphFault(
    'Graph fails half of the requests',
    ({ simulator }) => simulator.graphFaults.set({ kind: 'status', status: 500, share: 0.5 }),
    clear,
  ),
  graphFault(
    'Graph throttles',
    ({ simulator }) => simulator.graphFaults.set({ kind: 'status', status: 429, headers }),
    clear,
  ),
  graphFault(
    'Graph is slow',
    ({ simulator }) => simulator.graphFaults.set({ kind: 'delay', delayMs: 100 }),
    clear,
  ),
  graphFault(
    'Graph hangs on some requests',
    ({ simulator }) => simulator.graphFaults.set({ kind: 'hang', share: 0.1 }),
    clear,
  ),
  graphFault(
    'a proxy answers 404 to everything',
    ({ simulator }) => simulator.graphFaults.set({ kind: 'html404' }),
    clear,
  ),
  graphFault(
    'Entra is out, and the token revoked',
    async ({ simulator }) => {
      await simulator.entraDown();
    },
    async ({ simulator }) => {
      await simulator.entraUp();
      simulator.revokeTokens();
    },
  ),
];

/**
 * What only the killed replica knew while Redis was out is lost with it; the bot knows that from
 * the 202, and tracks the call again.
 */
async function trackAgain(killed: Replica, { bot }: World): Promise<void> {
  for (const call of bot.wanted) {
    if (call.by === killed && !call.durable) await bot.track(call.id);
  }
}

/** Within a family, every kind of fault is equally frequent. */
export const FAMILIES: readonly (readonly SoakFault[])[] = [
  redisFaults,
  replicaFaults,
  graphFaults,
];
