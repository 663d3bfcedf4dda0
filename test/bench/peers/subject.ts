import type { Child } from '../world/child.ts';
import type { Microsoft } from '../world/microsoft.ts';
import type { Store } from '../world/store.ts';
import type { Due } from './plan.ts';

/** Something that keeps calls alive, in its own Node process. */
export interface Subject {
  readonly name: string;
  readonly title: string;
  /** The limit of a burst of 10,000, in ms; then the next subject has its turn. */
  readonly burstMs: number;
  start(microsoft: Microsoft, calls: number, due: Due): Promise<Running>;
}

export interface Running extends AsyncDisposable {
  readonly child: Child;
  readonly store: Store | null;
  /** The size of the empty store. */
  readonly emptyBytes: number;
  /** See {@link Turns.fire}; absent if the calls are due without it. */
  fire?(): Promise<number>;
}
