/**
 * A generator that can be ended at any time. `return` of a plain generator waits for the step in
 * progress. Here it first aborts the signal that `make` gets, so that this step ends.
 */
export function endable<T>(
  make: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  given: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const ending = new AbortController();
  const signal = given ? AbortSignal.any([given, ending.signal]) : ending.signal;
  const items = untilEnded(make(signal), ending.signal);
  const end = items.return.bind(items);
  items.return = (value) => {
    ending.abort();
    return end(value);
  };
  return items;
}

async function* untilEnded<T>(
  items: AsyncGenerator<T, void, undefined>,
  ended: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    if (!ended.aborted) throw error;
  }
}
