/**
 * A generator that can be ended at any time. `return` of a generator as such waits for the step in
 * progress; this one first aborts the signal that the step gets, and a step in progress then ends
 * the iteration.
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
