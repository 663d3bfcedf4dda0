import type { Random } from './ports.ts';
import type { CallRecord } from './record.ts';

export interface Moment {
  readonly now: number;
  readonly random: Random;
}

/**
 * Generations sort by the instant at which they were made. A new one sorts after all known ones,
 * even if the clock was set back. A random part distinguishes those that two replicas make in the
 * same ms.
 */
export function newGeneration({ now, random }: Moment, { tracking, stops }: CallRecord): string {
  const chance = Math.floor(random() * 36 ** 4);
  const fresh = generationAt(now) + chance.toString(36).padStart(4, '0');
  const known = [tracking, ...Object.values(stops)].map((word) => word?.generation ?? '');
  const last = known.sort().at(-1) ?? '';
  return fresh > last ? fresh : `${last}0`;
}

/** Generations from before this instant (epoch ms) sort before the result. */
export function generationAt(instant: number): string {
  return instant.toString(36).padStart(9, '0');
}
