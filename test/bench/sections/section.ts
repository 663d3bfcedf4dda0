import type { Table } from '../report/table.ts';

/** How much is measured. */
export interface Size {
  /** Small and few, to see that all works; such figures are not kept. */
  readonly quick: boolean;
  /** With the million calls. */
  readonly full: boolean;
}

/** What was measured, for one block of the page. */
export interface Block {
  /** Between `<!-- bench:name -->` and `<!-- /bench:name -->`. */
  readonly name: string;
  readonly tables: readonly Table[];
  /** Paragraphs after the tables. */
  readonly notes?: readonly string[];
  readonly targets?: readonly Target[];
  /** A picture beside the page: file name and SVG. */
  readonly plot?: { readonly file: string; readonly svg: string };
}

export interface Target {
  readonly what: string;
  readonly wanted: number;
  readonly got: number;
  /** Whether `wanted` is the most or the least that it may be. */
  readonly is: 'most' | 'least';
}

/** One part of the benchmark, which can be asked for by its name. */
export interface Section {
  readonly name: string;
  readonly title: string;
  run(size: Size): Promise<readonly Block[]>;
}
