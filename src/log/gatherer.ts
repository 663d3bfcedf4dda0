/** Lines of this length together do not wait for others. */
const ENOUGH_BYTES = 4_096;
/** The longest that a line waits for others, in ms. */
const GATHER_MS = 20;

/** Writes the lines of a moment together, because each write costs more than a line. */
export class Gatherer {
  readonly #write: (lines: string) => void;
  #lines = '';
  #timer: NodeJS.Timeout | null = null;

  constructor(write: (lines: string) => void) {
    this.#write = write;
  }

  write(line: string): void {
    this.#lines += line;
    if (this.#lines.length >= ENOUGH_BYTES) this.flush();
    else if (this.#timer === null) this.#timer = setTimeout(() => this.flush(), GATHER_MS);
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const lines = this.#lines;
    this.#lines = '';
    if (lines !== '') this.#write(lines);
  }
}
