import type { JobSchedulerJson, Queue } from 'bullmq';
import type { Logger } from 'pino';
import type { Clock } from '../calls/ports.ts';
import { offsetOf, turnAtOrBefore, type Wheel } from '../calls/wheel.ts';
import { JOB_OPTIONS, plannedAt, schedulerId, turnJobId, type VisitData } from './wheel-queue.ts';

/** What can be wrong with a slot's scheduler; null when nothing is. */
export type Ailment = 'missing' | 'overdue' | 'ahead' | 'out-of-phase' | null;

interface Turn {
  readonly slot: number;
  /** Epoch ms. */
  readonly turnAt: number;
}

interface Ill {
  readonly slot: number;
  readonly ailment: NonNullable<Ailment>;
  /** Of the turn that is to come, or ought to have come, epoch ms. */
  readonly next: number;
}

/** The states of a job that a worker should have taken. */
const STATES_READY: ReadonlySet<string> = new Set(['delayed', 'waiting']);

export interface SchedulersOptions {
  readonly queue: Queue<VisitData>;
  readonly wheel: Wheel;
  readonly clock: Clock;
  /** A turn that has not begun so long after its time counts as missed, unless its job only waits, in ms. */
  readonly graceMs: number;
  /** Called if turns past their grace wait and no worker takes them; for how long, in ms. */
  readonly onUntaken: (forMs: number) => void;
  readonly log: Logger;
  readonly onRepair: (ailment: NonNullable<Ailment>) => void;
}

/**
 * One Job Scheduler a slot, whose phase is a function of the slot alone. So any
 * replica can see in one read which of them are not as they should be, and put
 * them back in their place without shifting the others. BullMQ itself does not
 * notice: a scheduler whose delayed job is lost never runs again.
 */
export class Schedulers {
  readonly #options: SchedulersOptions;
  #looks = 0;

  constructor(options: SchedulersOptions) {
    this.#options = options;
  }

  /**
   * Puts right what is missing, overdue, too far ahead or out of phase, and
   * makes up for the turns missed by it. Any number of replicas may do so at
   * once. Rejects with what Redis rejects with.
   *
   * @returns how many were put right.
   */
  async lookOver(): Promise<number> {
    const { queue, wheel, clock, graceMs, log, onRepair } = this.#options;
    const standing = new Map<string, JobSchedulerJson>();
    for (const scheduler of await queue.getJobSchedulers(0, -1, true)) {
      if (scheduler) standing.set(scheduler.key, scheduler);
    }
    const now = clock.now();
    const suspects: Ill[] = [];
    for (let slot = 0; slot < wheel.slots; slot++) {
      const scheduler = standing.get(schedulerId(slot));
      const ailment = ailmentOf(scheduler, slot, wheel, now, graceMs);
      standing.delete(schedulerId(slot));
      if (ailment) suspects.push({ slot, ailment, next: scheduler?.next ?? 0 });
    }
    const late = await Promise.all(suspects.map((suspect) => this.#isLateOnly(suspect)));
    const ill = suspects.filter((_, i) => !late[i]);
    await Promise.all([...standing.keys()].map((id) => queue.removeJobScheduler(id)));
    const missed = await Promise.all(ill.map(({ slot }) => this.#putInPlace(slot)));
    await this.makeUp(missed);
    for (const { ailment } of ill) onRepair(ailment);
    if (ill.length > 0) {
      const level = this.#looks === 0 ? 'info' : 'warn';
      log[level]({ slots: ill.length, ailments: count(ill) }, 'schedulers put in their place');
    }
    this.#looks++;
    return ill.length;
  }

  /**
   * Whether the turn's job is there, and only waits for a worker: another for the same turn
   * would be more work for those that are behind, and visit the slot in the same moment.
   */
  async #isLateOnly({ slot, ailment, next }: Ill): Promise<boolean> {
    const { queue, wheel, clock, onUntaken } = this.#options;
    // Once the slot's next turn has come too, this one is missed, whatever became of its job.
    if (ailment !== 'overdue' || next <= clock.now() - wheel.intervalMs) return false;
    const job = await queue.getJob(turnJobId(slot, next)).catch(() => undefined); // not readable
    // One whose hash was lost is made anew by BullMQ, with nothing in it.
    if (job?.name !== 'turn') return false;
    const state = await job.getState();
    const isReady = STATES_READY.has(state);
    if (isReady) onUntaken(clock.now() - next);
    return isReady || state === 'active';
  }

  /**
   * Removed first: of a scheduler that stands, an upsert leaves timer and offset as they are.
   *
   * @returns the last turn that it will not make.
   */
  async #putInPlace(slot: number): Promise<Turn> {
    const { queue, wheel, clock } = this.#options;
    const id = schedulerId(slot);
    await queue.removeJobScheduler(id);
    const first = await queue.upsertJobScheduler(
      id,
      { every: wheel.intervalMs, offset: offsetOf(slot, wheel) },
      { name: 'turn', data: { slot }, opts: JOB_OPTIONS },
    );
    const last = turnAtOrBefore(slot, clock.now(), wheel);
    return { slot, turnAt: first ? Math.min(last, plannedAt(first) - wheel.intervalMs) : last };
  }

  /**
   * Harmless if the turn was not missed: a visit posts only what was not renewed since.
   *
   * @param of distinguishes these jobs from others for the same turns
   */
  async makeUp(turns: readonly Turn[], of = 'missed'): Promise<void> {
    if (turns.length === 0) return;
    await this.#options.queue.addBulk(
      turns.map((turn) => ({
        name: 'turn',
        data: turn,
        opts: { jobId: `made-up-${of}-${turn.slot}-${turn.turnAt}` },
      })),
    );
  }
}

/** @param graceMs see {@link SchedulersOptions} */
export function ailmentOf(
  scheduler: Pick<JobSchedulerJson, 'every' | 'offset' | 'next'> | undefined,
  slot: number,
  wheel: Wheel,
  now: number,
  graceMs: number,
): Ailment {
  if (!scheduler) return 'missing';
  const { every, offset, next = 0 } = scheduler;
  if (every !== wheel.intervalMs || offset !== offsetOf(slot, wheel)) return 'out-of-phase';
  if (next < now - graceMs) return 'overdue';
  // Made by a replica whose clock was fast, it would come one turn or more too late.
  if (next > now + wheel.intervalMs + graceMs) return 'ahead';
  return turnAtOrBefore(slot, next, wheel) === next ? null : 'out-of-phase';
}

function count(ill: readonly { ailment: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { ailment } of ill) counts[ailment] = (counts[ailment] ?? 0) + 1;
  return counts;
}
