/** The name that somebody most likely meant; null if none is similar. */
export function nearest(given: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.ceil(given.length / 3)) + 1;
  for (const name of names) {
    // The first half of a word counts as similar.
    const isStart = given.length > 1 && name.startsWith(given);
    const distance = isStart ? 1 : distanceOf(given, name);
    if (distance >= least || distance >= name.length) continue;
    best = name;
    least = distance;
  }
  return best;
}

/** Levenshtein distance: letters added, removed or replaced. */
export function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
