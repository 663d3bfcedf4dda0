import { decodeGoneCall, UnreadableError } from '../../src/store/codec.ts';
import { EVENTS_KEY } from '../../src/store/keys.ts';
import { DEADLINE_MS, type World } from './world.ts';

export type Removal = 'ended' | 'expired' | 'untracked';

/** One time that somebody was told of a call's leaving. */
export interface Told {
  readonly id: string;
  readonly removal: Removal;
  /** Epoch ms, by Redis's clock or the log's. */
  readonly at: number;
  /** Of its `lastError`. */
  readonly code: string | null;
}

const REMOVALS: ReadonlySet<unknown> = new Set(['ended', 'expired', 'untracked']);

/** From the events in Redis, as far as it has kept them; of one that stands there twice, once. */
export async function toldByEvents({ client }: World): Promise<Told[]> {
  const entries = await client.xrange(EVENTS_KEY, '-', '+');
  const seen = new Set<string>();
  return entries.flatMap(([entryId, fields]) => {
    const field = (name: string) => fields[fields.indexOf(name) + 1] ?? '';
    if (!REMOVALS.has(field('type'))) return [];
    const own = fields.includes('event') ? field('event') : entryId;
    if (seen.has(own)) return [];
    seen.add(own);
    const at = Number(entryId.split('-')[0]);
    const code = codeOf(field('id'), field('call'));
    return [{ id: field('id'), removal: field('type') as Removal, at, code }];
  });
}

/** null also for what is no call: a scenario may have put anything into the stream. */
function codeOf(id: string, text: string): string | null {
  try {
    return decodeGoneCall(id, text).lastError?.code ?? null;
  } catch (error) {
    if (error instanceof UnreadableError) return null;
    throw error;
  }
}

/** From the logs of all replicas that ever ran. */
export function toldByLogs({ replicas }: World): Told[] {
  return replicas.flatMap(({ lines }) =>
    lines.flatMap((line) => {
      if (!REMOVALS.has(line.event)) return [];
      const at = Date.parse(String(line.time));
      const { code = null } = (line.error ?? {}) as { code?: string | null };
      return [{ id: String(line.call), removal: line.event as Removal, at, code }];
    }),
  );
}

/** A sample's value by its name and labels as they are printed: `name{label="x"}`. */
export type Samples = ReadonlyMap<string, number>;

/** The metrics of all living replicas, added up. */
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

/** Of a counter, whatever its labels. */
export function total(samples: Samples, name: string): number {
  let sum = 0;
  for (const [key, value] of samples) {
    if (key === name || key.startsWith(`${name}{`)) sum += value;
  }
  return sum;
}
