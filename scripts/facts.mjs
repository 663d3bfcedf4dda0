// What the checks need to know about the code.
import { readFileSync } from 'node:fs';
import { VARIABLES as TABLE } from '../src/config/table.ts';
import { METRICS } from '../src/metrics/table.ts';

/** The exit code of a check that cannot run here; it prints why. */
export const SKIPPED = 77;

/** Name → default, '' if it has none, of the variables that a replica or a command reads. */
export const VARIABLES = new Map(
  [...TABLE]
    .filter(([, { readBy }]) => readBy !== 'compose')
    .map(([name, { default: value }]) => [name, value ?? '']),
);

/** Whether a replica or a command reads the variable, or reads it as a file. */
export function isVariable(name) {
  const secret = name.replace(/_FILE$/, '');
  return VARIABLES.has(name) || TABLE.get(secret)?.secret === true;
}

/** How long a replica may take to stop, in seconds. */
export function shutdownSeconds() {
  return Number.parseInt(VARIABLES.get('SHUTDOWN_TIMEOUT'), 10);
}

/** A metric in a query, without the suffixes of a histogram. */
export const METRIC = /callkeeper_[a-z_]+?(?=(?:_bucket|_sum|_count)?\b)/g;

/** The names of src/metrics/table.ts. */
export function readMetrics() {
  return new Set(Object.keys(METRICS));
}

/** @param file a path in the repository */
export function read(file) {
  return readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
}
