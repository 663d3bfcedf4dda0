/** Below 0 if the entry `a` of a stream comes before `b`. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs, aN] = parseStreamId(a);
  const [bMs, bN] = parseStreamId(b);
  return aMs - bMs || aN - bN;
}

/** The instant of an entry, in epoch ms, and its number within that ms. */
export function parseStreamId(id: string): [ms: number, n: number] {
  const [ms = 0, n = 0] = id.split('-').map(Number);
  return [ms, n];
}
