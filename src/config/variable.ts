import type { Parser } from './parsers.ts';

/** One row of the table of variables. Everything that names a variable is made from it. */
export interface Variable<T = unknown> {
  readonly parser: Parser<T>;
  /** The text that counts if the variable is not set; null: there is none. */
  readonly default: string | null;
  /** In Markdown; the reference shows it instead of the default. */
  readonly defaultSays?: string;
  /** For the reference, `.env.example` and `--help`, in Markdown of one line. */
  readonly sentence: string;
  /** Secrets never appear in messages. NAME_FILE may name a file with the value. */
  readonly secret?: true;
  /** The name may also be in lower case, as curl has it. */
  readonly lowerCaseToo?: true;
  /** Not read by a replica. */
  readonly readBy?: 'commands' | 'compose';
  /** `.env.example` has it as a line to fill in. */
  readonly toFillIn?: true;
  /** An example, for `.env.example`; without it, the default is shown. */
  readonly example?: string;
  /** docker-compose.yml sets it, over what `.env` says. */
  readonly composeSets?: true;
}

export interface Group {
  readonly title: string;
  /** In Markdown; stands above the group's table. */
  readonly intro?: string;
  readonly variables: Readonly<Record<string, Variable>>;
}
