import { setTimeout as sleep } from 'node:timers/promises';
import { type BurstCost, measureBurst } from '../measure/burst.ts';
import { mediansOf } from '../measure/statistics.ts';
import { CALLKEEPER } from '../peers/callkeeper.ts';
import { FLOOR, PG_BOSS, RAW, SCHEDULER_A_CALL } from '../peers/peers.ts';
import type { Running, Subject } from '../peers/subject.ts';
import { figure, percent, type Table, whole } from '../report/table.ts';
import { Microsoft } from '../world/microsoft.ts';
import type { Section, Target } from './section.ts';

const SUBJECTS: readonly Subject[] = [RAW, FLOOR, CALLKEEPER, SCHEDULER_A_CALL, PG_BOSS];
const ROUNDS = 5;

interface Contestant {
  readonly subject: Subject;
  readonly microsoft: Microsoft;
  readonly running: Running;
  /** When its turn begins within a cycle, in ms. */
  readonly offsetMs: number;
  readonly rounds: BurstCost[];
}

interface Result extends BurstCost {
  readonly rounds: number;
  readonly storeBytes: number;
}

/**
 * All subjects run from beginning to end, each in its own process, and take turns: in each cycle
 * all calls of one subject after the other are due at once.
 */
export const PEERS: Section = {
  name: 'peers',
  title: 'all calls due at once: the floor, Callkeeper, a scheduler a call, pg-boss, raw undici',
  async run({ quick }) {
    const calls = quick ? 1_000 : 20_000;
    const results = await compete(calls, quick ? 2 : ROUNDS);
    return [
      {
        name: 'peers',
        tables: [costs(results), lateness(results)],
        notes: [
          `${whole(calls)} calls, all due in one instant. Medians of the rounds, interleaved; one before them warms up.`,
        ],
        targets: targets(results),
      },
    ];
  },
};

async function compete(calls: number, rounds: number): Promise<ReadonlyMap<Subject, Result>> {
  await using stack = new AsyncDisposableStack();
  const scale = Math.max(1, calls / 10_000);
  const cycleMs = SUBJECTS.reduce((sum, { burstMs }) => sum + burstMs * scale, 0);
  const epoch = Date.now() + 1_000;
  const contestants: Contestant[] = [];
  let offsetMs = cycleMs;
  // Slow starters first, so that the timers of the others are set last.
  for (const subject of SUBJECTS.toReversed()) {
    offsetMs -= subject.burstMs * scale;
    const microsoft = stack.use(await Microsoft.start());
    const due = { firstAt: epoch + offsetMs, everyMs: cycleMs, spread: false };
    const running = stack.use(await subject.start(microsoft, calls, due));
    contestants.unshift({ subject, microsoft, running, offsetMs, rounds: [] });
  }
  const firstCycleAt = epoch + Math.ceil((Date.now() + 1_000 - epoch) / cycleMs) * cycleMs;
  for (let round = -1; round < rounds; round++) {
    const cycleAt = firstCycleAt + (round + 1) * cycleMs;
    for (const { subject, microsoft, running, offsetMs: place, rounds: costs } of contestants) {
      const at = cycleAt + place;
      const limitMs = subject.burstMs * scale - 500;
      const measured = await measureBurst(running, microsoft.graph, { calls, at, limitMs }).catch(
        (error: Error) => error,
      );
      if (measured instanceof Error) {
        process.stderr.write(`  ${subject.name}: a round is lost: ${measured.message}\n`);
      } else if (round >= 0) costs.push(measured);
    }
  }
  await sleep(1_000);
  return new Map(await Promise.all(contestants.map((one) => resultOf(one, calls))));
}

async function resultOf(
  { subject, running, rounds }: Contestant,
  calls: number,
): Promise<[Subject, Result]> {
  const { store, emptyBytes } = running;
  const storeBytes = store ? ((await store.bytes()) - emptyBytes) / calls : Number.NaN;
  return [subject, { ...mediansOf(rounds), rounds: rounds.length, storeBytes }];
}

function costs(results: ReadonlyMap<Subject, Result>): Table {
  const floor = results.get(FLOOR);
  return {
    columns: [
      'against',
      'keepAlives/s',
      'Node CPU, µs each',
      'times the floor',
      'store CPU, µs each',
      'store, bytes a call',
      'stand-in for Graph, of its core',
      'rounds',
    ],
    rows: [...results].map(([{ title }, result]) => [
      title,
      whole(result.perSecond),
      figure(result.nodeUs),
      figure(result.nodeUs / (floor?.nodeUs ?? Number.NaN)),
      Number.isNaN(result.storeBytes) ? '–' : figure(result.storeUs),
      whole(result.storeBytes),
      percent(result.standIn),
      whole(result.rounds),
    ]),
  };
}

function lateness(results: ReadonlyMap<Subject, Result>): Table {
  return {
    columns: ['lateness of the burst, ms', 'p50', 'p99', 'max'],
    rows: [...results].map(([{ title }, { latenessP50, latenessP99, latenessMax }]) => [
      title,
      whole(latenessP50),
      whole(latenessP99),
      whole(latenessMax),
    ]),
  };
}

function targets(results: ReadonlyMap<Subject, Result>): Target[] {
  const floor = results.get(FLOOR);
  const own = results.get(CALLKEEPER);
  const bullmq = results.get(SCHEDULER_A_CALL);
  if (!floor || !own || !bullmq) return [];
  const most = { is: 'most' } as const;
  const least = { is: 'least' } as const;
  return [
    { what: "Node CPU, times the floor's", wanted: 1.15, got: own.nodeUs / floor.nodeUs, ...most },
    { what: 'Redis CPU, µs a keepAlive', wanted: 5, got: own.storeUs, ...most },
    { what: 'Redis memory, bytes a call', wanted: 350, got: own.storeBytes, ...most },
    {
      what: 'Redis CPU, times less than a scheduler a call',
      wanted: 10,
      got: bullmq.storeUs / own.storeUs,
      ...least,
    },
    {
      what: 'Redis memory, times less than a scheduler a call',
      wanted: 5,
      got: bullmq.storeBytes / own.storeBytes,
      ...least,
    },
  ];
}
