import { pad, shorten, widthOf } from './fit.ts';
import { printable } from './printable.ts';

export interface Column<T> {
  readonly heading: string;
  /** In columns of the terminal; the last column of a table takes the rest of the line. */
  readonly width: number;
  readonly read: (item: T, now: number) => string;
  /** How a text that is too long is shortened. Without it the text is never cut. */
  readonly shorten?: 'middle' | 'end';
  /** This column is as wide as its texts need and the terminal allows. One per table. */
  readonly grows?: true;
  /** Shown only on terminals with at least so many columns. */
  readonly from?: number;
}

const GAP = '  ';
/** A growing column on a narrow terminal still shows which item it is. */
const NARROWEST = 12;

/**
 * How wide a line may be: as wide as the terminal. Elsewhere, such as in a pipe, lines have no
 * limit, so that no text is shortened for the program that reads them.
 */
export function lineWidth(out: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): number {
  return out.isTTY ? out.columns || 80 : Number.POSITIVE_INFINITY;
}

/** Lays out items in lines that fit a terminal and are safe for it. */
export class Table<T> {
  readonly heading: string;
  readonly #columns: readonly Column<T>[];
  readonly #width: number;

  /** @param items the first ones: they decide how wide the growing column is */
  constructor(columns: readonly Column<T>[], width: number, items: readonly T[], now: number) {
    const shown = columns.filter(({ from = 0 }) => width >= from);
    const usual = shown.reduce((sum, column) => sum + column.width + GAP.length, -GAP.length);
    this.#width = width;
    this.#columns = shown.map((column) => {
      if (!column.grows) return column;
      const longest = items.reduce((most, item) => {
        return Math.max(most, widthOf(printable(column.read(item, now))));
      }, column.width);
      const room = Math.max(Math.min(NARROWEST, column.width), column.width + width - usual);
      return { ...column, width: Math.min(longest, room) };
    });
    this.heading = this.#line(this.#columns.map(({ heading }) => heading));
  }

  row(item: T, now: number): string {
    return this.#line(this.#columns.map(({ read }) => printable(read(item, now))));
  }

  #line(texts: readonly string[]): string {
    const isLimited = Number.isFinite(this.#width);
    const cells = texts.map((text, i) => {
      const { width, shorten: where } = this.#columns[i] as Column<T>;
      if (i === texts.length - 1) return text;
      return pad(where && isLimited ? shorten(text, width, where) : text, width);
    });
    return shorten(cells.join(GAP).trimEnd(), this.#width, 'end');
  }
}
