import type { Options } from '../options.ts';
import type { Findings } from '../page/page.ts';
import type { Microsoft } from '../world/microsoft.ts';

export interface Surroundings {
  readonly microsoft: Microsoft;
  readonly options: Options;
  /** Tells how far it is, a line at a time. */
  readonly say: (line: string) => void;
}

/** One part of the bench. */
export type Section = (around: Surroundings) => Promise<Findings>;

/** The size for the mode. */
export function sized<T>(options: Options, sizes: Readonly<Record<Options['mode'], T>>): T {
  return sizes[options.mode];
}
