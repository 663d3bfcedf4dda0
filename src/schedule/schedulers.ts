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
}

/** For `catch`: a scheduler that BullMQ cannot parse counts as missing. */
function ifDamaged(error: unknown): undefined {
  if (!(error instanceof SyntaxError)) throw error;
}

/** The schedulers of some slots could not be read or repaired. */
class SchedulersError extends Error {
  readonly code = 'SCHEDULERS';
  constructor(errors: readonly unknown[]) {
    const [first] = errors;
    super(`${errors.length} of them: ${first instanceof Error ? first.message : String(first)}`, {
      cause: first,
    });
    this.name = 'SchedulersError';
  }
}

const STATES_READY: ReadonlySet<string> = new Set(['delayed', 'waiting']);

export interface SchedulersOptions {
  readonly queue: Queue<VisitData>;
  readonly wheel: Wheel;
  readonly clock: Clock;
  /** A turn is missed if it is this long ago and its job neither waits nor runs. In ms. */
  readonly graceMs: number;
  /** Called for each job that still waits after the grace, with how long it has waited, in ms. */
  readonly onUntaken: (forMs: number) => void;
  readonly log: Logger;
  readonly onRepair: (fault: SchedulerFault) => void;
}

/**
 * One Job Scheduler per slot. Its phase depends on the slot alone, so any replica can see by itself
 * which schedulers are wrong, and repair them without shifting the others. BullMQ does not do
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
   * once. If that fails for some slots, it goes on with all others and then rejects.
   *
   * @returns the number of repaired schedulers
   */
  async lookOver(): Promise<number> {
    const slots = Array.from({ length: this.#options.wheel.slots }, (_, slot) => slot);
    const found = await settle(slots.map((slot) => this.#illnessOf(slot)));
    const ill = found.values.filter((one) => one !== null);
    const repaired = await settle(ill.map((one) => this.#putInPlace(one)));
    await this.#makeUp(repaired.values);
    this.#report(repaired.values);
    await this.#removeStrays();
    const failures = [...found.errors, ...repaired.errors];
    if (failures.length > 0) throw new SchedulersError(failures);
    return repaired.values.length;
  }

  #report(repaired: readonly Ill[]): void {
    const { log, onRepair } = this.#options;
    for (const { fault } of repaired) onRepair(fault);
    if (repaired.length > 0) {
      const level = this.#looks === 0 ? 'info' : 'warn';
      log[level]({ slots: repaired.length, faults: count(repaired) }, 'repaired schedulers');
    }
    this.#looks++;
  }

  /** Removes schedulers of slots that this wheel does not have: it may have had more. */
  async #removeStrays(): Promise<void> {
    const { queue, wheel } = this.#options;
    if ((await queue.getJobSchedulersCount()) <= wheel.slots) return;
    const ours = new Set(Array.from({ length: wheel.slots }, (_, slot) => schedulerId(slot)));
    const all = await queue.getJobSchedulers(0, -1, true);
    const strays = all.filter(({ key }) => !ours.has(key));
    await Promise.all(strays.map(({ key }) => queue.removeJobScheduler(key)));
  }

  /** null: the slot's scheduler is as it should be, or only late. */
  async #illnessOf(slot: number): Promise<Ill | null> {
    const { queue, wheel, clock, graceMs } = this.#options;
    const scheduler = await queue.getJobScheduler(schedulerId(slot)).catch(ifDamaged);
    const fault = schedulerFaultOf(scheduler, slot, wheel, clock.now(), graceMs);
    if (fault === null) return null;
    const isLate = fault === 'overdue' && (await this.#hasJob(slot, scheduler?.next ?? 0));
    return isLate ? null : { slot, fault };
  }

  /**
   * Whether the turn has a job that waits for a worker or runs. If so, a second job would burden
   * workers that are behind, and visit the slot at the same time.
   */
  async #hasJob(slot: number, next: number): Promise<boolean> {
    const { queue, wheel, clock, onUntaken } = this.#options;
    // Once the slot's next turn has come, this one is missed, whatever state its job has.
    if (next <= clock.now() - wheel.intervalMs) return false;
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
   * @returns also the last turn before the new scheduler's first one: no scheduler makes it
   */
  async #putInPlace({ slot, fault }: Ill): Promise<Ill & Turn> {
    const { queue, wheel, clock } = this.#options;
    const id = schedulerId(slot);
    await queue.removeJobScheduler(id);
    const first = await queue.upsertJobScheduler(
      id,
      { every: wheel.intervalMs, offset: offsetOf(slot, wheel) },
      { name: 'turn', data: { slot }, opts: JOB_DEFAULTS },
    );
    const last = turnAtOrBefore(slot, clock.now(), wheel);
    const turnAt = first ? Math.min(last, plannedAt(first) - wheel.intervalMs) : last;
    return { slot, fault, turnAt };
  }

  /**
   * Adds jobs for turns. A needless one is harmless: a visit sends only what was not renewed since.
   */
  async #makeUp(turns: readonly Turn[]): Promise<void> {
    if (turns.length === 0) return;
    await this.#options.queue.addBulk(
      turns.map(({ slot, turnAt }) => ({
        name: 'turn',
        data: { slot, turnAt },
        opts: { jobId: `made-up-${slot}-${turnAt}` },
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

async function settle<T>(work: readonly Promise<T>[]): Promise<{ values: T[]; errors: unknown[] }> {
  const results = await Promise.allSettled(work);
  return {
    values: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    errors: results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])),
  };
}

function count(ill: readonly { fault: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { fault } of ill) counts[fault] = (counts[fault] ?? 0) + 1;
  return counts;
}
