import type { Definitions } from './definition.ts';

/** Redis, and the schedule in it. */
export const REDIS = {
  callkeeper_store_up: {
    type: 'gauge',
    of: 'own',
    help: '1 if Redis serves this replica, else 0.',
    watch: '0',
  },
  callkeeper_wheel_turning: {
    type: 'gauge',
    of: 'own',
    help: '1 if this replica takes turns of the wheel, else 0.',
    watch: '0 while Redis serves',
  },
  callkeeper_missed_turns_total: {
    type: 'counter',
    of: 'own',
    help: 'Slots that no replica visited in their turn, so that the watch of this replica did.',
    watch: 'more than a few after a replica was killed',
  },
  callkeeper_workers_replaced_total: {
    type: 'counter',
    of: 'own',
    help: 'BullMQ workers that were replaced because they took no jobs although some were waiting.',
    watch: 'more than one after a failover of Redis',
  },
  callkeeper_schedulers_repaired_total: {
    type: 'counter',
    of: 'own',
    help: 'Schedulers of slots that were repaired, by fault.',
    labels: { fault: { missing: '', overdue: '', ahead: '', 'out-of-phase': '' } },
    watch: 'it grows although nobody touched Redis',
  },
  callkeeper_calls_written_back_total: {
    type: 'counter',
    of: 'own',
    help: 'Calls that Redis had lost or never had, and this replica wrote back.',
    watch: 'it grows while Redis was up',
  },
  callkeeper_unreadable_values_total: {
    type: 'counter',
    of: 'own',
    help: 'Values in Redis that this version cannot read and skipped.',
    watch: 'not 0',
  },
} as const satisfies Definitions;
