/** Limits the concurrent deliveries to each host, so that a hanging host leaves room for others. */
export class HostLimit {
  readonly #most: number;
  readonly #inFlight = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns a function that ends the delivery; null: the host has no room for it */
  enter(host: string): (() => void) | null {
    const inFlight = this.#inFlight.get(host) ?? 0;
    if (inFlight >= this.#most) return null;
    this.#inFlight.set(host, inFlight + 1);
    return () => this.#leave(host);
  }

  #leave(host: string): void {
    const left = (this.#inFlight.get(host) ?? 1) - 1;
    if (left > 0) this.#inFlight.set(host, left);
    else this.#inFlight.delete(host);
  }
}
