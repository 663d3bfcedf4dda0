import { parseArgs } from 'node:util';

export const SECTIONS = [
  'cost',
  'scale',
  'memory',
  'idle',
  'api',
  'rush',
  'replicas',
  'million',
] as const;
export type SectionName = (typeof SECTIONS)[number];

/** How much is done. `smoke` only shows that it runs: its figures say nothing. */
export type Mode = 'smoke' | 'normal' | 'full';

export interface Options {
  readonly mode: Mode;
  readonly sections: readonly SectionName[];
  readonly rounds: number;
  /** Names of the subjects to compare; null for all. */
  readonly subjects: readonly string[] | null;
}

export const USAGE = `npm run bench [-- options]

  --full           with a million calls; some half an hour
  --smoke          everything at a tiny size, to see that it runs; writes no page
  --only A,B       these parts: ${SECTIONS.join(', ')},
                   or these subjects of the comparison: floor, raw, callkeeper, bullmq, pg-boss
  --rounds N       interleaved rounds whose median counts (5)

Figures go to docs/performance.md; parts that are not run keep theirs.
`;

const SUBJECTS = ['floor', 'raw', 'callkeeper', 'bullmq', 'pg-boss'];

/** Throws an Error with a message for people. */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.full && values.smoke) throw new Error('give --full or --smoke, not both');
  const mode = values.full ? 'full' : values.smoke ? 'smoke' : 'normal';
  const rounds = Number(values.rounds ?? (mode === 'smoke' ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be 1 or more');
  const usual = SECTIONS.filter((name) => name !== 'million' || mode === 'full');
  if (values.only === undefined) return { mode, rounds, sections: usual, subjects: null };
  const only = values.only.split(',');
  const unknown = only.filter((name) => !SUBJECTS.includes(name) && !isSection(name));
  if (unknown.length > 0) throw new Error(`--only: there is no ${unknown.join(', ')}`);
  const subjects = only.filter((name) => SUBJECTS.includes(name));
  const sections = only.filter(isSection);
  if (subjects.length > 0 && !sections.includes('cost')) sections.unshift('cost');
  return { mode, rounds, sections, subjects: subjects.length > 0 ? subjects : null };
}

function isSection(name: string): name is SectionName {
  return (SECTIONS as readonly string[]).includes(name);
}
