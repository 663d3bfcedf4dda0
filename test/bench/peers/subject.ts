import type { Child } from '../world/child.ts';
import type { Microsoft } from '../world/microsoft.ts';
import type { Store } from '../world/store.ts';
import type { Due } from './plan.ts';

/** What is compared: something that keeps calls alive, in a Node process of its own. */
export interface Subject {
  readonly name: string;
  /** In the tables. */
  readonly title: string;
  /** What a burst of 10,000 may take, ms, before it is another's turn. */
  readonly burstMs: number;
  start(microsoft: Microsoft, calls: number, due: Due): Promise<Running>;
}

/** One that has its calls and keeps them alive. */
export interface Running extends AsyncDisposable {
  readonly child: Child;
  readonly store: Store | null;
  /** What the store held before anything was put into it. */
  readonly emptyBytes: number;
  /** See {@link Turns.fire}; absent where the calls are due by themselves. */
  fire?(): Promise<number>;
}
