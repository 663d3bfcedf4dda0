export interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Its text in `/metrics`. */
  readonly help: string;
  /**
   * `all`: every replica counts all calls that it knows, so take the worst, not the sum.
   * `own`: every replica counts its own work.
   */
  readonly of: 'all' | 'own';
  /** For each label the meanings of its values, or a sentence if the configuration sets them. */
  readonly labels?: Readonly<Record<string, LabelValues | string>>;
  /** When to look closer. */
  readonly watch: string;
}

export type LabelValues = Readonly<Record<string, string>>;

export type Definitions = Readonly<Record<string, Definition>>;

/** '' for a value that explains itself. */
export const SUCCESS = { success: '', failure: '' };
