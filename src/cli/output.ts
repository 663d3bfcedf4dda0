import { paint, printableJson } from './printable.ts';
import { type Column, lineWidth, Table } from './table.ts';

export interface Form<T> {
  readonly columns: readonly Column<T>[];
  readonly paint: (item: T, line: string) => string;
}

/** Items that are written together. */
const PAGE = 1_000;

/** Writes items to stdout as a table that fits the terminal, or as one JSON object per line. */
export class Output<T> {
  readonly #form: Form<T>;
  readonly #isJson: boolean;
  #table: Table<T> | null = null;
  #held: T[] = [];

  constructor(form: Form<T>, { json }: { readonly json: boolean }) {
    this.#form = form;
    this.#isJson = json;
  }

  /** Writes the item with the others of its page; {@link end} writes the last page. */
  add(item: T): void {
    this.#held.push(item);
    if (this.#held.length === PAGE) this.end();
  }

  end(): void {
    this.write(this.#held);
    this.#held = [];
  }

  /** The widths of the columns come from the first items. */
  write(items: readonly T[]): void {
    if (items.length === 0) return;
    const lines = this.#isJson ? items.map((item) => printableJson(item)) : this.#lines(items);
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  }

  #lines(items: readonly T[]): string[] {
    const now = Date.now();
    const known = this.#table;
    const table = known ?? new Table(this.#form.columns, lineWidth(process.stdout), items, now);
    this.#table = table;
    const rows = items.map((item) => this.#form.paint(item, table.row(item, now)));
    return known ? rows : [paint('bold', table.heading), ...rows];
  }
}
