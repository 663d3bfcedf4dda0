import { following } from './pause.ts';

/**
 * A generator that can be ended at any time. `return` of a plain generator waits for the step in
 * progress. Here it first aborts the signal that `make` gets, so that this step ends.
 */
export function endable<T>(
  make: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  given: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const { signal, follow, end } = following(given);
  const state = { isEnded: false };
  const items = untilEnded(make(signal), state, end);
  const finish = items.return.bind(items);
  items.return = (value) => {
    state.isEnded = true;
    follow(undefined);
    end();
    return finish(value);
  };
  return items;
}

async function* untilEnded<T>(
  items: AsyncGenerator<T, void, undefined>,
  state: { readonly isEnded: boolean },
  end: () => void,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    if (!state.isEnded) throw error;
  } finally {
    end();
  }
}
