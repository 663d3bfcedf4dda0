interface Group {
  busy: number;
  /** Those from `next` on have yet to begin. */
  readonly waiting: (() => Promise<void>)[];
  next: number;
}

/**
 * Lets so many of each group go on at once. What is more begins in its order when
 * one of its group is done, and holds up no other group.
 */
export class GroupLimit {
  readonly #most: number;
  readonly #groups = new Map<string, Group>();
  readonly #idle = Promise.withResolvers<void>();
  #open = 0;
  #isLast = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(most: number) {
    this.#most = most;
  }

  run(name: string, begin: () => Promise<void>): void {
    this.#open++;
    const group = this.#groups.get(name) ?? { busy: 0, waiting: [], next: 0 };
    this.#groups.set(name, group);
    if (group.busy < this.#most) void this.#begin(group, begin);
    else group.waiting.push(begin);
  }

  /** To be called when all is asked for. Waits until it is done; rejects with the first failure. */
  async settled(): Promise<void> {
    this.#isLast = true;
    if (this.#open === 0) this.#idle.resolve();
    await this.#idle.promise;
    if (this.#failure) throw this.#failure.error;
  }

  async #begin(group: Group, begin: () => Promise<void>): Promise<void> {
    group.busy++;
    try {
      await begin();
    } catch (error) {
      this.#failure ??= { error };
    }
    group.busy--;
    this.#open--;
    const next = group.waiting[group.next];
    if (next) {
      group.next++;
      void this.#begin(group, next);
    } else if (this.#open === 0 && this.#isLast) {
      this.#idle.resolve();
    }
  }
}
