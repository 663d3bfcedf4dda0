import { type Cost, measureSteady } from '../measure/rounds.ts';
import { median } from '../measure/statistics.ts';
import { dateline } from '../page/page.ts';
import { type Line, plot } from '../page/plot.ts';
import { atMost, number, table, targetTable } from '../page/table.ts';
import { CALLKEEPER } from '../peers/callkeeper.ts';
import { FLOOR, SCHEDULER_A_CALL } from '../peers/peers.ts';
import type { Subject } from '../peers/subject.ts';
import { type Section, sized } from './section.ts';

/** All at the same rate, so that nothing but the number of calls differs. */
const PER_SECOND = 2_000;

const FILE = 'cost-by-calls.svg';

/** What a keepAlive costs by the number of calls that there are. */
export const scale: Section = async ({ microsoft, options, say }) => {
  const sizes = sized(options, {
    smoke: [2_000, 4_000],
    normal: [10_000, 30_000, 100_000],
    full: [10_000, 30_000, 100_000, 300_000, 1_000_000],
  });
  /** To make a scheduler for each of more calls takes minutes. */
  const mostForPeers = sized(options, { smoke: 4_000, normal: 30_000, full: 100_000 });
  const windows = sized(options, {
    smoke: { warmUpMs: 1_000, windowMs: 1_000 },
    normal: { warmUpMs: 4_000, windowMs: 8_000 },
    full: { warmUpMs: 5_000, windowMs: 15_000 },
  });
  const rounds = sized(options, { smoke: 1, normal: 3, full: 3 });
  const points: { subject: Subject; calls: number; costs: Cost[] }[] = [];
  for (const subject of [FLOOR, CALLKEEPER, SCHEDULER_A_CALL]) {
    for (const calls of sizes) {
      if (subject === CALLKEEPER || calls <= mostForPeers)
        points.push({ subject, calls, costs: [] });
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const { subject, calls, costs } of points) {
      say(`scale: ${subject.name} with ${calls} calls`);
      const everyMs = (1_000 * calls) / PER_SECOND;
      costs.push(await measureSteady(subject, microsoft, calls, everyMs, windows));
    }
  }
  const curve = (of: Subject, value: (cost: Cost) => number) =>
    points
      .filter(({ subject }) => subject === of)
      .map(({ calls, costs }): [number, number] => [calls, median(costs.map(value))]);
  const lines: Line[] = [
    { title: 'a scheduler a call: Node', dashed: false, points: curve(SCHEDULER_A_CALL, nodeUs) },
    { title: 'a scheduler a call: Redis', dashed: true, points: curve(SCHEDULER_A_CALL, storeUs) },
    { title: 'Callkeeper: Node', dashed: false, points: curve(CALLKEEPER, nodeUs) },
    { title: 'Callkeeper: Redis', dashed: true, points: curve(CALLKEEPER, storeUs) },
    { title: 'the floor: Node', dashed: false, points: curve(FLOOR, nodeUs) },
  ];
  const cells = (line: Line) =>
    sizes.map((calls) => number(line.points.find(([at]) => at === calls)?.[1] ?? Number.NaN));
  const ours = curve(CALLKEEPER, (cost) => cost.nodeUs + cost.storeUs);
  const [least, most] = [ours[0], ours.at(-1)];
  if (!least || !most) throw new Error('nothing was measured');
  const ratio = most[1] / least[1];
  const parts = [
    `µs of CPU a keepAlive, at ${number(PER_SECOND)} keepAlives a second whatever the number of calls.`,
    table(
      ['', ...sizes.map((calls) => `${number(calls)} calls`)],
      lines.map((line) => [line.title, ...cells(line)]),
    ),
    `![CPU a keepAlive by the number of calls](${FILE})`,
    targetTable([
      atMost(`cost at ${number(most[0])} calls by that at ${number(least[0])}`, 1.2, ratio, ' ×'),
    ]),
    dateline(options.mode, `medians of ${rounds} interleaved rounds`),
  ];
  const title = 'CPU a keepAlive by the number of calls';
  return { markdown: parts.join('\n\n'), files: { [FILE]: plot(title, 'µs', 'calls', lines) } };
};

function nodeUs(cost: Cost): number {
  return cost.nodeUs;
}

function storeUs(cost: Cost): number {
  return cost.storeUs;
}
