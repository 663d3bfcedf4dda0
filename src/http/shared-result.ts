/**
 * Lets all callers share one result: `read` runs again only `forMs` after its last run ended, and
 * never twice at the same time. Callers share a failure too.
 *
 * @param now ms of any epoch
 */
export function shareResult<T>(
  read: () => Promise<T>,
  forMs: number,
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let result: Promise<T> | null = null;
  let freshUntil = Number.POSITIVE_INFINITY;
  return () => {
    if (result === null || now() >= freshUntil) {
      freshUntil = Number.POSITIVE_INFINITY;
      result = read().finally(() => {
        freshUntil = now() + forMs;
      });
    }
    return result;
  };
}
