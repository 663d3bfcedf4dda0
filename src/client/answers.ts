import type { TrackBatchBody } from './api.ts';
import type { Answer } from './transport.ts';

/** Whether a body is the call that was asked for. */
export function isCall(body: unknown, id: string): boolean {
  return isObject(body) && isSameId(body.id, id) && typeof body.state === 'string';
}

/** Whether a body has one result for each call, in order. */
export function isBatchResult(body: unknown, calls: TrackBatchBody['calls']): boolean {
  if (!isObject(body) || !Array.isArray(body.results)) return false;
  const { results } = body;
  return (
    results.length === calls.length &&
    calls.every(({ id }, i) => {
      const result: unknown = results[i];
      if (!isObject(result)) return false;
      // For text that is no id, the answer has it shortened, with an error.
      return isObject(result.error) || isSameId(result.id, id);
    })
  );
}

export function isPage({ body }: Answer): boolean {
  return isObject(body) && Array.isArray(body.calls) && 'next' in body;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Callkeeper writes a GUID in lower case and with hyphens. */
function isSameId(given: unknown, id: string): boolean {
  return typeof given === 'string' && withoutForm(given) === withoutForm(id);
}

function withoutForm(id: string): string {
  const bare = id.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(bare) ? bare : id;
}
