/** Waits for work until the limit aborts; returns whether the work is done. */
export async function isDoneWithin(work: Promise<unknown>, limit: AbortSignal): Promise<boolean> {
  const { promise: cutOff, resolve } = Promise.withResolvers<boolean>();
  const onAbort = () => resolve(false);
  limit.addEventListener('abort', onAbort);
  if (limit.aborted) onAbort();
  try {
    return await Promise.race([work.then(() => true), cutOff]);
  } finally {
    limit.removeEventListener('abort', onAbort);
  }
}
