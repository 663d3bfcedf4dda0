import { EVENTS_KEY } from '../../src/store/keys.ts';
import { decodeEvent, type StreamEntry } from '../../src/store/stream-entry.ts';
import { DEADLINE_MS, type World } from './world.ts';

export type Removal = 'ended' | 'expired' | 'untracked';

/** One removal of a call, as it was published or logged. */
export interface SeenRemoval {
  readonly id: string;
  readonly removal: Removal;
  /** Epoch ms, by the clock of Redis or of the log. */
  readonly at: number;
  /** Why an untracked call was stopped. */
  readonly reason: string | null;
  /** Of its `lastError`. */
  readonly code: string | null;
}

const REMOVALS: ReadonlySet<unknown> = new Set(['ended', 'expired', 'untracked']);

/** From the events that Redis still has; the first of those with the same name. */
export async function removalsInEvents({ client }: World): Promise<SeenRemoval[]> {
  const entries = await client.xrange(EVENTS_KEY, '-', '+');
  const names = new Set<string>();
  return entries.flatMap((entry) => {
    const event = decodeEvent(asOfThisVersion(entry));
    if (event === null || !('call' in event)) return [];
    if (!REMOVALS.has(event.type) || names.has(event.id)) return [];
    names.add(event.id);
    const { id, lastError } = event.call;
    const reason = 'reason' in event.call ? event.call.reason : null;
    const at = Number(entry[0].split('-')[0]);
    const code = lastError?.code ?? null;
    return [{ id, removal: event.type as Removal, at, reason, code }];
  });
}

/** The records of nextVersion() differ only in their version. */
function asOfThisVersion([entryId, fields]: StreamEntry): StreamEntry {
  const [call = -1] = fields.flatMap((name, i) =>
    i % 2 === 0 && name === 'record' ? [i + 1] : [],
  );
  return [entryId, fields.map((value, i) => (i === call ? value.replace(/^2/, '1') : value))];
}

/** From the logs of all replicas that ever ran. */
export function removalsInLogs({ replicas }: World): SeenRemoval[] {
  return replicas.flatMap(({ lines }) =>
    lines.flatMap((line) => {
      if (!REMOVALS.has(line.event)) return [];
      const at = Date.parse(String(line.time));
      const { code = null } = (line.error ?? {}) as { code?: string | null };
      const reason = line.reason ? String(line.reason) : null;
      return [{ id: String(line.call), removal: line.event as Removal, at, reason, code }];
    }),
  );
}

/** By name and labels as they are printed: `name{label="x"}`. */
export type Samples = ReadonlyMap<string, number>;

/** The sums over all living replicas. */
export async function readMetrics({ living }: World): Promise<Samples> {
  const sums = new Map<string, number>();
  for (const { url } of living) {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(DEADLINE_MS) });
    for (const line of (await answer.text()).split('\n')) {
      const match = /^([a-z_]+(?:\{.*\})?) (-?[\d.e+-]+)$/i.exec(line);
      if (!match) continue;
      const [, name = '', value] = match;
      sums.set(name, (sums.get(name) ?? 0) + Number(value));
    }
  }
  return sums;
}

/** The sum of a counter's series: of all, or of those with a label. */
export function total(samples: Samples, name: string, label = ''): number {
  let sum = 0;
  for (const [key, value] of samples) {
    if ((key === name || key.startsWith(`${name}{`)) && key.includes(label)) sum += value;
  }
  return sum;
}
