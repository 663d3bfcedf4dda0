import { isBatchResult } from './answers.ts';
import type { TrackItem, TrackResult, UntrackResult } from './api.ts';
import type { Answer, RequestOptions } from './attempt.ts';
import type { Transport } from './transport.ts';

export type Many<T> = Iterable<T> | AsyncIterable<T>;

/** Limits of one request, within those of Callkeeper (1,000 calls and 2 MiB). */
const MOST_CALLS = 1_000;
const MOST_BYTES = 1_900_000;

export async function trackBatches(
  transport: Transport,
  calls: Many<TrackItem>,
  options?: RequestOptions,
): Promise<TrackResult[]> {
  const results: TrackResult[] = [];
  for await (const batch of batches(calls)) {
    const ids = batch.map(({ id }) => id);
    results.push(...(await send<TrackResult>(transport, 'track', { calls: batch }, ids, options)));
  }
  return results;
}

export async function untrackBatches(
  transport: Transport,
  ids: Many<string>,
  options?: RequestOptions,
): Promise<UntrackResult[]> {
  const results: UntrackResult[] = [];
  for await (const batch of batches(ids)) {
    const body = { ids: batch };
    results.push(...(await send<UntrackResult>(transport, 'untrack', body, batch, options)));
  }
  return results;
}

async function send<T>(
  transport: Transport,
  action: 'track' | 'untrack',
  body: object,
  ids: readonly string[],
  options: RequestOptions | undefined,
): Promise<readonly T[]> {
  const answers = (answer: Answer) => isBatchResult(answer.body, ids);
  const request = { method: 'POST', path: `calls/${action}`, body, answers } as const;
  const answer = await transport.send(request, options);
  return (answer.body as { readonly results: readonly T[] }).results;
}

/** Cuts items into lists that each fit into one request. */
export async function* batches<T>(items: Many<T>): AsyncGenerator<T[], void, undefined> {
  let batch: T[] = [];
  let bytes = 0;
  for await (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (batch.length === MOST_CALLS || (batch.length > 0 && bytes + size > MOST_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
