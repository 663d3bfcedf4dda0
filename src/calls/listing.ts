import { type Call, callOf, isRemoved, type RemovedCall, type RemovedState } from './call.ts';
import type { CallRegistry } from './ports.ts';
import { isWithin, type VisibleApps } from './principal.ts';

export interface ListQuery {
  readonly state: 'tracked' | RemovedState;
  readonly app?: string | undefined;
  readonly visibleApps: VisibleApps;
  readonly owner?: string | undefined;
  /** `key` or `key=value`; a call must have all of them. */
  readonly labels: readonly string[];
  readonly limit: number;
  /** The `next` of the previous page. */
  readonly start?: ListPosition | undefined;
}

/** The position at which a page starts. */
export interface ListPosition {
  readonly slot: number;
  /** The last listed id of this slot; '' if none was listed. */
  readonly after: string;
}

/** Follow `next` until it is null: with a selective filter a page may have few calls or none. */
export interface ListPage {
  readonly calls: readonly (Call | RemovedCall)[];
  readonly next: ListPosition | null;
}

/** A page looks at about this many calls at most, however few of them match. */
const MOST_LOOKED_AT = 20_000;

/** The most slots that are read at once; it starts with one, because whole slots are read. */
const MOST_SLOTS_AT_ONCE = 16;

/**
 * One page, in the order of slot and id. A call that stays tracked while the pages are read is
 * listed exactly once. The position of the next page contains only an id that the client may see. A
 * page that ends early can reveal how many calls there are in all, but so do the metrics.
 */
export async function listCalls(
  registry: Pick<CallRegistry, 'readSlot'>,
  slots: number,
  query: ListQuery,
): Promise<ListPage> {
  const { start = { slot: 0, after: '' } } = query;
  const found: (Call | RemovedCall)[] = [];
  let lookedAt = 0;
  let { slot } = start;
  for (let atOnce = 1; slot < slots; atOnce = Math.min(MOST_SLOTS_AT_ONCE, atOnce * 2)) {
    const range = Array.from({ length: Math.min(atOnce, slots - slot) }, (_, i) => slot + i);
    const read = await Promise.all(range.map((s) => readState(registry, s, query.state)));
    for (const [i, calls] of read.entries()) {
      const after = slot + i === start.slot ? start.after : '';
      for (const call of calls.sort(byId)) {
        if (call.id <= after || !matches(call, query)) continue;
        if (found.length === query.limit) {
          return { calls: found, next: positionAfter(slot + i, found, calls) };
        }
        found.push(call);
      }
      lookedAt += calls.length;
      if (lookedAt >= MOST_LOOKED_AT && slot + i + 1 < slots) {
        return { calls: found, next: { slot: slot + i + 1, after: '' } };
      }
    }
    slot += range.length;
  }
  return { calls: found, next: null };
}

async function readState(
  registry: Pick<CallRegistry, 'readSlot'>,
  slot: number,
  state: ListQuery['state'],
): Promise<(Call | RemovedCall)[]> {
  const records = await registry.readSlot(slot, state === 'tracked' ? 'tracked' : 'removed');
  const calls = records.map(callOf).filter((call) => call !== null);
  return calls.filter((call) => (isRemoved(call) ? call.state : 'tracked') === state);
}

export function matches(
  call: Call,
  { app, owner, visibleApps, labels }: Pick<ListQuery, 'app' | 'owner' | 'visibleApps' | 'labels'>,
): boolean {
  if (!isWithin(visibleApps, call.app)) return false;
  if (app !== undefined && call.app !== app) return false;
  if (owner !== undefined && call.owner !== owner) return false;
  return labels.every((label) => {
    const at = label.indexOf('=');
    const key = at < 0 ? label : label.slice(0, at);
    if (!Object.hasOwn(call.labels, key)) return false;
    return at < 0 || call.labels[key] === label.slice(at + 1);
  });
}

function byId(a: Call, b: Call): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

/** The next page goes on after the last call, if that is in this slot. */
function positionAfter(
  slot: number,
  found: readonly Call[],
  inSlot: readonly Call[],
): ListPosition {
  const last = found.at(-1);
  return { slot, after: last && inSlot.includes(last) ? last.id : '' };
}
