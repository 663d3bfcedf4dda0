export interface Line {
  readonly what: string;
  readonly callId: string;
  readonly who: string;
  readonly why: string;
}

/** How many different lines of one source are shown between two summaries. */
const MOST_SHOWN = 4;
const OTHER_LINES = 'other lines';

interface Count {
  readonly line: Line;
  /** How many came since the last summary, besides the one that was shown. */
  more: number;
  isNew: boolean;
}

/** Shows the first of several like lines at once, and counts the others until the next summary. */
export class Repeats {
  readonly #print: (line: Line) => void;
  readonly #counts = new Map<string, Count>();

  constructor(print: (line: Line) => void) {
    this.#print = print;
  }

  add(line: Line): void {
    const known = this.#counts.get(keyOf(line));
    if (known) known.more++;
    else if (this.#shownOf(line.who) < MOST_SHOWN) this.#show(line);
    else this.#countOther(line);
  }

  /** Prints one line for each kind of line that came again; one that did not is new the next time. */
  summarise(): void {
    for (const [key, count] of this.#counts) {
      if (count.more > 0) this.#print({ ...count.line, callId: `${count.more} more` });
      else if (!count.isNew) this.#counts.delete(key);
      count.more = 0;
      count.isNew = false;
    }
  }

  #show(line: Line): void {
    this.#counts.set(keyOf(line), { line, more: 0, isNew: true });
    this.#print(line);
  }

  #countOther({ who }: Line): void {
    const line = { what: '', callId: '', who, why: OTHER_LINES };
    const key = keyOf(line);
    const count = this.#counts.get(key) ?? { line, more: 0, isNew: true };
    this.#counts.set(key, count);
    count.more++;
  }

  #shownOf(who: string): number {
    return [...this.#counts.values()].filter(({ line }) => line.who === who).length;
  }
}

/** Lines that differ only in ids, ports and other numbers are alike. */
function keyOf({ what, who, why }: Line): string {
  const shape = why.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+/gi, '#');
  return [what, who, shape].join('\n');
}
