export interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Its text in `/metrics`. */
  readonly help: string;
  /**
   * `all`: every replica counts all calls that it knows, so take the worst, not the sum.
   * `own`: every replica counts its own work.
   */
  readonly of: 'all' | 'own';
  /** By label: its values with their meanings, or in words if only the configuration knows them. */
  readonly labels?: Readonly<Record<string, LabelValues | string>>;
  /** When to look closer. */
  readonly watch: string;
}

export type LabelValues = Readonly<Record<string, string>>;

export type Definitions = Readonly<Record<string, Definition>>;

/** '' for a value that explains itself. */
export const SUCCESS = { success: '', failure: '' };
