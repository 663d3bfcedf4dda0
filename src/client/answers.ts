import type { Answer } from './attempt.ts';

export function isCall(body: unknown, id: string): boolean {
  return isObject(body) && isSameId(body.id, id) && typeof body.state === 'string';
}

export function isOwner(body: unknown, name: string): boolean {
  return isObject(body) && body.owner === name && typeof body.state === 'string';
}

/** Whether a body is the overview of all calls. */
export function isOverview({ body }: Answer): boolean {
  return isObject(body) && Array.isArray(body.troubles) && Number.isInteger(body.tracked);
}

/** Whether an answer says how many calls of an owner were stopped. */
export function isDropped({ body }: Answer): boolean {
  return isObject(body) && Number.isInteger(body.stopped);
}

/** Whether a body has one result for each call, in order. */
export function isBatchResult(body: unknown, ids: readonly string[]): boolean {
  if (!isObject(body) || !Array.isArray(body.results)) return false;
  const { results } = body;
  return (
    results.length === ids.length &&
    ids.every((id, i) => {
      const result: unknown = results[i];
      if (!isObject(result)) return false;
      // For text that is not an id, the answer has a shortened text and an error.
      return isObject(result.error) || isSameId(result.id, id);
    })
  );
}

/** Whether a body is a page of `calls` or `owners`. */
export function isPage(
  body: unknown,
  member: 'calls' | 'owners',
): body is { readonly next: unknown } {
  return isObject(body) && Array.isArray(body[member]) && 'next' in body;
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
