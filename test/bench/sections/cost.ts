import { setTimeout as sleep } from 'node:timers/promises';
import { type Cost, costBetween, readCounters } from '../measure/counters.ts';
import { mediansOf } from '../measure/statistics.ts';
import { CALLKEEPER } from '../peers/callkeeper.ts';
import { FLOOR } from '../peers/peers.ts';
import type { Running, Subject } from '../peers/subject.ts';
import { renderPlot } from '../report/plot.ts';
import { figure, whole } from '../report/table.ts';
import { REAL_INTERVAL_MS, SLOTS } from '../world/calls.ts';
import { catchUp } from '../world/catch-up.ts';
import { Microsoft } from '../world/microsoft.ts';
import type { Block, Section, Target } from './section.ts';

/** KeepAlives per second of a million calls at 15 minutes. */
const PER_SECOND = 1_000_000 / (REAL_INTERVAL_MS / 1_000);

interface Load {
  readonly subject: Subject;
  readonly calls: number;
}

interface Point extends Load, Cost {
  readonly storeBytes: number;
}

/**
 * The same number of keepAlives per second from few calls and from many: does a keepAlive cost more
 * if there are many calls?
 */
export const COST: Section = {
  name: 'cost',
  title: 'cost of a keepAlive against the number of calls',
  async run({ quick, full }) {
    // With more at a time, one core could not keep up.
    const more = full ? [100_000, 1_000_000] : [30_000, 100_000];
    const counts = quick ? [10_000, 20_000] : [10_000, ...more];
    const loads = [
      { subject: FLOOR, calls: counts[0] ?? 0 },
      ...counts.map((calls) => ({ subject: CALLKEEPER, calls })),
    ];
    const windowMs = quick ? 2_000 : 7_000;
    return [blockOf(await measureTogether(loads, { rounds: 5, windowMs }))];
  },
};

/**
 * Measures all of them at the same time, each with its own process, Redis and stand-in for Graph,
 * so that other work on the machine affects all alike.
 */
async function measureTogether(
  loads: readonly Load[],
  { rounds, windowMs }: { rounds: number; windowMs: number },
): Promise<Point[]> {
  await using stack = new AsyncDisposableStack();
  const all: { load: Load; running: Running; microsoft: Microsoft; costs: Cost[] }[] = [];
  // Largest first: they take longest to start.
  for (const load of loads.toReversed()) {
    const { subject, calls } = load;
    const everyMs = Math.max(1_000, Math.round((1_000 * calls) / PER_SECOND));
    const microsoft = stack.use(await Microsoft.start());
    const due = { firstAt: Date.now() + 1_000, everyMs, spread: true };
    const running = stack.use(await subject.start(microsoft, calls, due));
    await microsoft.graph.reset();
    all.unshift({ load, running, microsoft, costs: [] });
    if (everyMs === REAL_INTERVAL_MS) {
      await catchUp(microsoft, { intervalMs: everyMs, slots: SLOTS });
      await microsoft.graph.reset();
    }
  }
  // One turn of the wheel for the first keepAlives, and for V8 to compile the hot code.
  await sleep(Math.max(windowMs, 10_000));
  const read = () =>
    Promise.all(all.map(({ running, microsoft }) => readCounters(running, microsoft.graph)));
  let before = await read();
  for (let round = 0; round < rounds; round++) {
    await sleep(windowMs);
    const after = await read();
    for (const [i, one] of all.entries()) {
      const [from, to] = [before[i], after[i]];
      if (from && to) one.costs.push(costBetween(from, to));
    }
    before = after;
  }
  return Promise.all(
    all.map(async ({ load, running: { store, emptyBytes }, costs }) => ({
      ...load,
      ...mediansOf(costs),
      storeBytes: store ? ((await store.bytes()) - emptyBytes) / load.calls : Number.NaN,
    })),
  );
}

function blockOf(points: readonly Point[]): Block {
  const own = points.filter(({ subject }) => subject === CALLKEEPER);
  const floor = points.find(({ subject }) => subject === FLOOR);
  const [few, many] = [own[0], own.at(-1)];
  const ratio = (pick: (point: Point) => number) =>
    few && many ? pick(many) / pick(few) : Number.NaN;
  const most = many?.calls.toLocaleString('en-US');
  const than = few?.calls.toLocaleString('en-US');
  const targets: Target[] = [
    {
      what: `Node CPU at ${most} calls, times that at ${than}`,
      wanted: 1.2,
      got: ratio((p) => p.nodeUs),
      is: 'most',
    },
    {
      what: `Redis CPU at ${most} calls, times that at ${than}`,
      wanted: 1.2,
      got: ratio((p) => p.storeUs),
      is: 'most',
    },
  ];
  const behind = points.filter(({ perSecond }) => perSecond < PER_SECOND * 0.95);
  return {
    name: 'cost',
    tables: [
      {
        columns: [
          'steady load',
          'calls',
          'keepAlives/s',
          'Node CPU, µs each',
          'Redis CPU, µs each',
          'Redis, bytes a call',
        ],
        rows: points.map((point) => [
          point.subject === FLOOR ? 'the floor' : 'Callkeeper',
          whole(point.calls),
          whole(point.perSecond),
          figure(point.nodeUs),
          point.subject === FLOOR ? '–' : figure(point.storeUs),
          whole(point.storeBytes),
        ]),
      },
    ],
    notes:
      behind.length === 0
        ? []
        : [`**No steady load:** the machine did not keep up with ${behind.length} of these rows.`],
    targets,
    plot: {
      file: 'cost-per-call.svg',
      svg: renderPlot({
        title: `CPU of a keepAlive against the number of calls, at ${whole(PER_SECOND)} keepAlives a second`,
        xTitle: 'tracked calls (logarithmic)',
        yTitle: 'CPU, µs a keepAlive',
        lines: [
          line('Callkeeper, Node', '#0969da', own, (point) => point.nodeUs),
          line('Callkeeper, Redis', '#cf222e', own, (point) => point.storeUs),
          {
            title: `the floor, Node, at ${whole(floor?.calls ?? Number.NaN)} calls`,
            color: '#57606a',
            dashed: true,
            points: own.map(({ calls }) => ({ x: calls, y: floor?.nodeUs ?? Number.NaN })),
          },
        ],
      }),
    },
  };
}

function line(title: string, color: string, own: readonly Point[], y: (point: Point) => number) {
  return { title, color, points: own.map((point) => ({ x: point.calls, y: y(point) })) };
}
