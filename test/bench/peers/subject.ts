import type { Child } from '../world/child.ts';
import type { Microsoft } from '../world/microsoft.ts';
import type { Store } from '../world/store.ts';
import type { Due } from './plan.ts';

/** What is compared: something that keeps calls alive, in a Node process of its own. */
export interface Subject {
  readonly name: string;
  /** In the tables. */
  readonly title: string;
  /** Between two bursts, ms: enough for one to be over before the next. */
  readonly burstEveryMs: number;
  start(microsoft: Microsoft, calls: number, due: Due): Promise<Running>;
}

/** One that has its calls and keeps them alive. */
export interface Running extends AsyncDisposable {
  readonly child: Child;
  readonly store: Store | null;
  /** What the store held before anything was put into it. */
  readonly emptyBytes: number;
  /**
   * Has all calls be due now, where they are not by themselves. Tells how many they
   * are: less than all where some are just being kept alive anyhow.
   */
  fire?(): Promise<number>;
}
