import type { JobSchedulerJson, Queue } from 'bullmq';
import type { Logger } from 'pino';
import { JOB_DEFAULTS } from '../bull/open-queue.ts';
import type { Clock } from '../calls/ports.ts';
import { offsetOf, turnAtOrBefore, type Wheel } from '../calls/wheel.ts';
import { plannedAt, schedulerId, turnJobId, type VisitData } from './wheel-queue.ts';

export type SchedulerFault = 'missing' | 'overdue' | 'ahead' | 'out-of-phase';

interface Turn {
  readonly slot: number;
  readonly turnAt: number;
}

interface Ill {
  readonly slot: number;
  readonly fault: SchedulerFault;
  /** The scheduler's next turn, which may be overdue. Epoch ms. */
  readonly next: number;
}

const STATES_READY: ReadonlySet<string> = new Set(['delayed', 'waiting']);

export interface SchedulersOptions {
  readonly queue: Queue<VisitData>;
  readonly wheel: Wheel;
  readonly clock: Clock;
  /** A turn that has not begun this long after its time is missed, unless its job waits, in ms. */
  readonly graceMs: number;
  /** Called if jobs of turns past their grace wait for a worker, with how long they wait, in ms. */
  readonly onUntaken: (forMs: number) => void;
  readonly log: Logger;
  readonly onRepair: (fault: SchedulerFault) => void;
}

/**
 * One Job Scheduler per slot. Its phase depends on the slot alone, so any replica can see in one
 * read which schedulers are wrong, and repair them without shifting the others. BullMQ does not do
 * that: a scheduler whose delayed job is lost never runs again.
 */
export class Schedulers {
  readonly #options: SchedulersOptions;
  #looks = 0;

  constructor(options: SchedulersOptions) {
    this.#options = options;
  }

  /**
   * Repairs schedulers and makes up for the turns that they missed. Several replicas may do so at
   * once. Rejects if Redis does.
   *
   * @returns the number of repaired schedulers
   */
  async lookOver(): Promise<number> {
    const { queue, wheel, clock, graceMs, log, onRepair } = this.#options;
    const known = new Map<string, JobSchedulerJson>();
    for (const scheduler of await queue.getJobSchedulers(0, -1, true)) {
      if (scheduler) known.set(scheduler.key, scheduler);
    }
    const now = clock.now();
    const suspects: Ill[] = [];
    for (let slot = 0; slot < wheel.slots; slot++) {
      const scheduler = known.get(schedulerId(slot));
      const fault = schedulerFaultOf(scheduler, slot, wheel, now, graceMs);
      known.delete(schedulerId(slot));
      if (fault) suspects.push({ slot, fault, next: scheduler?.next ?? 0 });
    }
    const late = await Promise.all(suspects.map((suspect) => this.#isLateOnly(suspect)));
    const ill = suspects.filter((_, i) => !late[i]);
    await Promise.all([...known.keys()].map((id) => queue.removeJobScheduler(id)));
    const missed = await Promise.all(ill.map(({ slot }) => this.#putInPlace(slot)));
    await this.makeUp(missed);
    for (const { fault } of ill) onRepair(fault);
    if (ill.length > 0) {
      const level = this.#looks === 0 ? 'info' : 'warn';
      log[level]({ slots: ill.length, faults: count(ill) }, 'repaired schedulers');
    }
    this.#looks++;
    return ill.length;
  }

  /**
   * Whether the job of the turn waits for a worker. A second job for that turn would burden workers
   * that are behind, and visit the slot at the same time.
   */
  async #isLateOnly({ slot, fault, next }: Ill): Promise<boolean> {
    const { queue, wheel, clock, onUntaken } = this.#options;
    // Once the slot's next turn has come, this one is missed, whatever state its job has.
    if (fault !== 'overdue' || next <= clock.now() - wheel.intervalMs) return false;
    const job = await queue.getJob(turnJobId(slot, next)).catch(() => undefined); // not readable
    // If a job's hash was lost, BullMQ makes an empty one.
    if (job?.name !== 'turn') return false;
    const state = await job.getState();
    const isReady = STATES_READY.has(state);
    if (isReady) onUntaken(clock.now() - next);
    return isReady || state === 'active';
  }

  /**
   * Removes the scheduler first, because an upsert ignores a new offset of an existing one.
   *
   * @returns the last turn, which the new scheduler will not make
   */
  async #putInPlace(slot: number): Promise<Turn> {
    const { queue, wheel, clock } = this.#options;
    const id = schedulerId(slot);
    await queue.removeJobScheduler(id);
    const first = await queue.upsertJobScheduler(
      id,
      { every: wheel.intervalMs, offset: offsetOf(slot, wheel) },
      { name: 'turn', data: { slot }, opts: JOB_DEFAULTS },
    );
    const last = turnAtOrBefore(slot, clock.now(), wheel);
    return { slot, turnAt: first ? Math.min(last, plannedAt(first) - wheel.intervalMs) : last };
  }

  /**
   * Adds jobs for turns. A needless one is harmless: a visit sends only what was not renewed since.
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
export function schedulerFaultOf(
  scheduler: Pick<JobSchedulerJson, 'every' | 'offset' | 'next'> | undefined,
  slot: number,
  wheel: Wheel,
  now: number,
  graceMs: number,
): SchedulerFault | null {
  if (!scheduler) return 'missing';
  const { every, offset, next = 0 } = scheduler;
  if (every !== wheel.intervalMs || offset !== offsetOf(slot, wheel)) return 'out-of-phase';
  if (next < now - graceMs) return 'overdue';
  // A replica with a fast clock made it; it would run one turn or more too late.
  if (next > now + wheel.intervalMs + graceMs) return 'ahead';
  return turnAtOrBefore(slot, next, wheel) === next ? null : 'out-of-phase';
}

function count(ill: readonly { fault: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { fault } of ill) counts[fault] = (counts[fault] ?? 0) + 1;
  return counts;
}
