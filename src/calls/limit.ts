/** Lets so many go on at once; the one who asks for another waits. One asks at a time. */
export class Limit {
  #free: number;
  #wake: (() => void) | null = null;

  constructor(most: number) {
    this.#free = most;
  }

  async take(): Promise<void> {
    while (this.#free === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#free--;
  }

  give(): void {
    this.#free++;
    this.#wake?.();
    this.#wake = null;
  }
}
