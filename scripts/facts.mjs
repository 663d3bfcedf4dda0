// What the checks read of the code.
import { readdirSync, readFileSync } from 'node:fs';
import { METRICS } from '../src/metrics/table.ts';

/** Exit code of a check that could not be made here; why is what it printed. */
export const SKIPPED = 77;

const VARIABLE =
  /\bread(?:\s*\.(?!refuse)\w+\(|\w+\(read, )\s*'([A-Z][A-Z_]+)'(?:,\s*([\d_]+|'\w+'))?/g;

/** Name → default, '' where it has none, of the variables of src/config.ts and its modules. */
export const VARIABLES = readVariables();

function readVariables() {
  const modules = readdirSync(new URL('../src/config', import.meta.url));
  const files = ['src/config.ts', ...modules.map((module) => `src/config/${module}`)];
  const matches = files.flatMap((file) => [...read(file).matchAll(VARIABLE)]);
  return new Map(matches.map(([, name, value = '']) => [name, value.replaceAll(/['_]/g, '')]));
}

/** Whether the daemon reads it, as it is or as a file. */
export function isVariable(name) {
  return VARIABLES.has(name) || VARIABLES.has(name.replace(/_FILE$/, ''));
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
