/** A limited number of places. No client may have all of them. */
export class Places {
  readonly #most: number;
  readonly #mostOfOne: number;
  readonly #taken = new Map<string, number>();
  #allTaken = 0;

  constructor(most: number) {
    this.#most = most;
    this.#mostOfOne = Math.ceil((3 / 4) * most);
  }

  /**
   * @param name of the client
   * @returns a function that gives the place back, or why there is none
   */
  take(name: string): (() => void) | string {
    const taken = this.#taken.get(name) ?? 0;
    if (this.#allTaken >= this.#most) return `all ${this.#most} are in use`;
    if (taken >= this.#mostOfOne) return `${taken} of ${this.#most} are in use by ${name}`;
    this.#allTaken++;
    this.#taken.set(name, taken + 1);
    return () => this.#giveBack(name);
  }

  #giveBack(name: string): void {
    this.#allTaken--;
    const left = (this.#taken.get(name) ?? 0) - 1;
    if (left > 0) this.#taken.set(name, left);
    else this.#taken.delete(name);
  }
}
