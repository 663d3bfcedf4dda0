/** Stands for the removal of a value. */
export const DELETED = Symbol('deleted');

export type Path = readonly (string | number)[];

/** The paths of all values of a document, and of some that could be added. */
export function placesIn(node: unknown, added: readonly string[], path: Path = []): Path[] {
  if (typeof node !== 'object' || node === null) return [];
  const keys = Array.isArray(node)
    ? [...node.keys()]
    : [...new Set([...Object.keys(node), ...added])];
  return keys.flatMap((key) => {
    const place = [...path, key];
    return [place, ...placesIn((node as Record<string | number, unknown>)[key], added, place)];
  });
}

/** A copy of a document with one change. */
export function changed(document: object, path: Path, value: unknown): object {
  const copy = structuredClone(document);
  const key = path.at(-1) ?? '';
  let parent = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) parent = parent[step] as typeof parent;
  if (value !== DELETED) parent[key] = value;
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
  return copy;
}
