const MOST = 20_000;

export class RecentSet {
  readonly #names = new Set<string>();

  has(name: string): boolean {
    return this.#names.has(name);
  }

  add(name: string): void {
    this.#names.delete(name);
    this.#names.add(name);
    for (const oldest of this.#names) {
      if (this.#names.size <= MOST) break;
      this.#names.delete(oldest);
    }
  }

  delete(name: string): boolean {
    return this.#names.delete(name);
  }
}
