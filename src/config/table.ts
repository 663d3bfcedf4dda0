import type { Parser } from './parsers.ts';
import { ACCESS, API, NOTIFICATIONS, WEBHOOKS } from './table-api.ts';
import { APP, CALLS, NETWORK } from './table-microsoft.ts';
import { COMMANDS, LOG, TRACES } from './table-process.ts';
import { REDIS_GROUP } from './table-redis.ts';
import type { Group, Variable } from './variable.ts';

/** All variables, in the order of the reference page. */
export const GROUPS: readonly Group[] = [
  APP,
  ACCESS,
  REDIS_GROUP,
  CALLS,
  WEBHOOKS,
  API,
  NETWORK,
  NOTIFICATIONS,
  TRACES,
  LOG,
  COMMANDS,
];

const TABLE = {
  ...APP.variables,
  ...ACCESS.variables,
  ...REDIS_GROUP.variables,
  ...CALLS.variables,
  ...WEBHOOKS.variables,
  ...API.variables,
  ...NETWORK.variables,
  ...NOTIFICATIONS.variables,
  ...TRACES.variables,
  ...LOG.variables,
  ...COMMANDS.variables,
};

type Table = typeof TABLE;
export type VariableName = keyof Table;
export type SecretName = {
  [N in VariableName]: Table[N] extends { secret: true } ? N : never;
}[VariableName];

type Parsed<V> = V extends { parser: Parser<infer T> } ? T : never;
/** null only if the variable has no default. */
export type Value<N extends VariableName> = Table[N] extends { default: string }
  ? Parsed<Table[N]>
  : Parsed<Table[N]> | null;

export const VARIABLES: ReadonlyMap<string, Variable> = new Map(Object.entries(TABLE));

export function variable(name: VariableName): Variable {
  return TABLE[name];
}
