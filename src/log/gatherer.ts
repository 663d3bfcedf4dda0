/** Gathers the lines of one turn of the event loop, because a write costs more than a line. */
export class Gatherer {
  readonly #write: (lines: string) => void;
  #lines = '';

  constructor(write: (lines: string) => void) {
    this.#write = write;
  }

  write(line: string): void {
    if (this.#lines === '') setImmediate(() => this.flush());
    this.#lines += line;
  }

  flush(): void {
    const lines = this.#lines;
    this.#lines = '';
    if (lines !== '') this.#write(lines);
  }
}
