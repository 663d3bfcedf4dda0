import type { Trouble } from '../../client/index.ts';

/** `over`: the trouble as it was when it was last seen. */
export interface TroubleChange {
  readonly kind: 'began' | 'changed' | 'over';
  readonly trouble: Trouble;
}

/** A trouble is over only after this long without it: calls that recover may fail again soon. */
const OVER_AFTER_MS = 30_000;

interface Known {
  readonly trouble: Trouble;
  readonly seenAt: number;
}

/** Compares each reading of the troubles with the one before. Ignores their numbers. */
export class TroubleChanges {
  readonly #known = new Map<string, Known>();

  /** @param now ms of any epoch */
  read(troubles: readonly Trouble[], now: number): readonly TroubleChange[] {
    const changes: TroubleChange[] = [];
    for (const [key, trouble] of keyed(troubles)) {
      const before = this.#known.get(key)?.trouble;
      this.#known.set(key, { trouble, seenAt: now });
      if (before === undefined) changes.push({ kind: 'began', trouble });
      else if (before.severity !== trouble.severity) changes.push({ kind: 'changed', trouble });
    }
    for (const [key, { trouble, seenAt }] of this.#known) {
      if (now - seenAt < OVER_AFTER_MS) continue;
      this.#known.delete(key);
      changes.push({ kind: 'over', trouble });
    }
    return changes;
  }
}

/** Several troubles of the same kind, with the same entry of the runbook, keep their places. */
function keyed(troubles: readonly Trouble[]): ReadonlyMap<string, Trouble> {
  const byKey = new Map<string, Trouble>();
  for (const trouble of troubles) {
    const name = `${trouble.kind} ${trouble.runbook}`;
    let key = name;
    for (let n = 2; byKey.has(key); n++) key = `${name} ${n}`;
    byKey.set(key, trouble);
  }
  return byKey;
}
