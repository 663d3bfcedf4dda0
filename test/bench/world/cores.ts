import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

export type Role = 'subject' | 'store' | 'graph' | 'driver';

const CORES = availableParallelism();
const CAN_PIN = CORES > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** The subject has a core to itself; the others share the rest. */
const PLACES: Readonly<Record<Role, number>> = {
  subject: CORES - 1,
  store: CORES > 2 ? CORES - 2 : 0,
  graph: CORES > 3 ? CORES - 3 : 0,
  driver: 0,
};

/** The command that runs a process on its core; unchanged if there is no `taskset`. */
export function pinned(role: Role | null, command: readonly string[]): [string, string[]] {
  const [program = '', ...args] = command;
  if (!CAN_PIN || role === null) return [program, args];
  return ['taskset', ['-c', `${PLACES[role]}`, program, ...args]];
}

export function pinThisProcess(role: Role): void {
  if (CAN_PIN) spawnSync('taskset', ['-cp', `${PLACES[role]}`, `${process.pid}`]);
}

export function describePlaces(): string {
  if (!CAN_PIN) return 'No process is pinned to a core.';
  const rest = (['store', 'graph', 'driver'] as const).map((role) => PLACES[role]);
  const names = ['Redis or PostgreSQL', 'the stand-in for Graph', 'the load generator'];
  const told = names.map((name, i) => `${name} on core ${rest[i]}`).join(', ');
  return `The process that is measured runs alone on core ${PLACES.subject}; ${told}.`;
}
