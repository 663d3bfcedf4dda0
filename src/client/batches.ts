/** Most calls of one request, and most bytes of them: somewhat under what Callkeeper takes. */
const MOST_CALLS = 1_000;
const MOST_BYTES = 1_900_000;

/** Cuts items into lists that each fit into one request. */
export async function* batches<T>(
  items: Iterable<T> | AsyncIterable<T>,
): AsyncGenerator<T[], void, undefined> {
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
