// What the checks read of the code.
import { readFileSync } from 'node:fs';
import { VARIABLES as TABLE } from '../src/config/table.ts';
import { METRICS } from '../src/metrics/table.ts';

/** Exit code of a check that could not be made here; why is what it printed. */
export const SKIPPED = 77;

/** Name → default, '' if it has none, of the variables that a replica or a command reads. */
export const VARIABLES = new Map(
  [...TABLE]
    .filter(([, { readBy }]) => readBy !== 'compose')
    .map(([name, { default: value }]) => [name, value ?? '']),
);

/** Whether it is read, as it is or as a file. */
export function isVariable(name) {
  const secret = name.replace(/_FILE$/, '');
  return VARIABLES.has(name) || TABLE.get(secret)?.secret === true;
}

/** What a replica takes to stop at the most, in s. */
export function shutdownSeconds() {
  return Number.parseInt(VARIABLES.get('SHUTDOWN_TIMEOUT'), 10);
}

/** A metric where it is asked for, without what a histogram adds to its name. */
export const METRIC = /callkeeper_[a-z_]+?(?=(?:_bucket|_sum|_count)?\b)/g;

/** The names of src/metrics/table.ts. */
export function readMetrics() {
  return new Set(Object.keys(METRICS));
}

/** A file of the repository, by its path there. */
export function read(file) {
  return readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
}
