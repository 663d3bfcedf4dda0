import { type BurstCost, type Cost, measureBurst, measureSteady } from '../measure/rounds.ts';
import { mediansOf } from '../measure/statistics.ts';
import { dateline } from '../page/page.ts';
import { atLeast, atMost, ms, number, orDash, table, targetTable } from '../page/table.ts';
import { CALLKEEPER } from '../peers/callkeeper.ts';
import { FLOOR, PG_BOSS, RAW, SCHEDULER_A_CALL } from '../peers/peers.ts';
import type { Subject } from '../peers/subject.ts';
import { type Section, type Surroundings, sized } from './section.ts';

const IN_BURSTS = [FLOOR, RAW, CALLKEEPER, SCHEDULER_A_CALL, PG_BOSS];
/** Raw requests have no timetable. */
const IN_STEADY = IN_BURSTS.filter((subject) => subject !== RAW);

/**
 * What a keepAlive costs, side by side: A B C D E A B C D E …, each time in a
 * fresh process with a fresh store, so that a machine that grows slower or faster
 * does so for all.
 */
export const cost: Section = async (around) => {
  const { microsoft, options, say } = around;
  const calls = sized(options, { smoke: 2_000, normal: 20_000, full: 20_000 });
  const steady = sized(options, {
    smoke: { everyMs: 2_000, warmUpMs: 1_000, windowMs: 1_000 },
    normal: { everyMs: 15_000, warmUpMs: 4_000, windowMs: 7_500 },
    full: { everyMs: 15_000, warmUpMs: 4_000, windowMs: 7_500 },
  });
  const bursts = await interleave(around, IN_BURSTS, (subject) => {
    say(`cost: a burst, ${subject.name}`);
    return measureBurst(subject, microsoft, calls);
  });
  const loads = await interleave(around, IN_STEADY, (subject) => {
    say(`cost: steady, ${subject.name}`);
    return measureSteady(subject, microsoft, calls, steady.everyMs, steady);
  });
  const perSecond = Math.round((1_000 * calls) / steady.everyMs);
  const parts = [
    `**A burst**: ${number(calls)} calls due in the same instant. µs of CPU a keepAlive; ` +
      'bytes a call; lateness from that instant on.',
    burstTable(bursts),
    `**A steady load**: the same calls spread evenly, ${number(perSecond)} keepAlives a second.`,
    steadyTable(loads),
    targetTable(targets(bursts, loads)),
    dateline(options.mode, `medians of ${options.rounds} interleaved rounds`),
  ];
  return { markdown: parts.join('\n\n') };
};

async function interleave<T extends Record<keyof T, number>>(
  { options }: Surroundings,
  all: readonly Subject[],
  measure: (subject: Subject) => Promise<T>,
): Promise<Map<Subject, T>> {
  const subjects = all.filter(({ name }) => options.subjects?.includes(name) ?? true);
  const rounds = new Map<Subject, T[]>(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const subject of subjects) rounds.get(subject)?.push(await measure(subject));
  }
  return new Map([...rounds].map(([subject, costs]) => [subject, mediansOf(costs)]));
}

function burstTable(costs: ReadonlyMap<Subject, BurstCost>): string {
  const head = ['', 'keepAlives/s', 'Node µs', '× floor', 'store µs', 'bytes a call'];
  const floorUs = costs.get(FLOOR)?.nodeUs ?? Number.NaN;
  return table(
    [...head, 'late p50', 'p99', 'max', 'stand-in busy'],
    [...costs].map(([{ title }, cost]) => [
      title,
      number(cost.perSecond),
      number(cost.nodeUs),
      number(cost.nodeUs / floorUs),
      orDash(cost.storeUs),
      orDash(cost.storeBytes),
      ms(cost.latenessP50),
      ms(cost.latenessP99),
      ms(cost.latenessMax),
      `${number(100 * cost.standIn)} %`,
    ]),
  );
}

function steadyTable(costs: ReadonlyMap<Subject, Cost>): string {
  const floorUs = costs.get(FLOOR)?.nodeUs ?? Number.NaN;
  return table(
    ['', 'keepAlives/s', 'Node µs', '× floor', 'store µs', 'bytes a call', 'stand-in busy'],
    [...costs].map(([{ title }, cost]) => [
      title,
      number(cost.perSecond),
      number(cost.nodeUs),
      number(cost.nodeUs / floorUs),
      orDash(cost.storeUs),
      orDash(cost.storeBytes),
      `${number(100 * cost.standIn)} %`,
    ]),
  );
}

/** What issue 5 asks for; where a subject was left out, nothing is said of it. */
function targets(bursts: ReadonlyMap<Subject, Cost>, loads: ReadonlyMap<Subject, Cost>) {
  return [['burst', bursts] as const, ['steady', loads] as const].flatMap(([name, costs]) => {
    const [ours, floor, scheduler] = [CALLKEEPER, FLOOR, SCHEDULER_A_CALL].map((subject) =>
      costs.get(subject),
    );
    if (!ours) return [];
    return [
      ...(floor
        ? [atMost(`Node CPU by the floor's, ${name}`, 1.15, ours.nodeUs / floor.nodeUs, ' ×')]
        : []),
      atMost(`Redis CPU a keepAlive, ${name}`, 5, ours.storeUs, ' µs'),
      atMost(`Redis memory a call, ${name}`, 350, ours.storeBytes, ' B'),
      ...(scheduler
        ? [
            atLeast(
              `less Redis CPU than a scheduler a call, ${name}`,
              10,
              scheduler.storeUs / ours.storeUs,
              ' ×',
            ),
            atLeast(
              `less Redis memory than a scheduler a call, ${name}`,
              5,
              scheduler.storeBytes / ours.storeBytes,
              ' ×',
            ),
          ]
        : []),
    ];
  });
}
