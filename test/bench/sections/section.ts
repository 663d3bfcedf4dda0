import type { Table } from '../report/table.ts';

export interface Size {
  /** Small and few measurements, to test the bench; their results are not kept. */
  readonly quick: boolean;
  /** Includes the million calls. */
  readonly full: boolean;
}

/** The results for one block of the page. */
export interface Block {
  /** The block is between `<!-- bench:name -->` and `<!-- /bench:name -->`. */
  readonly name: string;
  readonly tables: readonly Table[];
  readonly notes?: readonly string[];
  readonly targets?: readonly Target[];
  /** `file` is written beside the page. */
  readonly plot?: { readonly file: string; readonly svg: string };
}

export interface Target {
  readonly what: string;
  readonly wanted: number;
  readonly got: number;
  /** Whether `wanted` is the maximum or the minimum. */
  readonly is: 'most' | 'least';
}

/** A part of the benchmark that can be run by its name. */
export interface Section {
  readonly name: string;
  readonly title: string;
  run(size: Size): Promise<readonly Block[]>;
}
