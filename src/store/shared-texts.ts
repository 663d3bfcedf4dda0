import type { LocalRegistry } from './local-registry.ts';
import type { Identified, RecordKind } from './record-kind.ts';
import { UnreadableError } from './stored-text.ts';

export interface SharedTextsOptions<R extends Identified> {
  readonly kind: RecordKind<R>;
  readonly local: LocalRegistry<R>;
  readonly onUnreadable: (id: string, error: UnreadableError) => void;
}

/** Reads texts of Redis, some of which may be damaged or of a later version. */
export class SharedTexts<R extends Identified> {
  readonly #options: SharedTextsOptions<R>;

  constructor(options: SharedTextsOptions<R>) {
    this.#options = options;
  }

  /** An empty record if the text cannot be read. */
  decode(id: string, text: string): R {
    const { kind } = this.#options;
    try {
      return text === '' ? kind.empty(id) : kind.decode(id, text);
    } catch (error) {
      if (error instanceof UnreadableError) return kind.empty(id);
      throw error;
    }
  }

  /**
   * Merges a text of Redis into the local copy. A damaged text changes nothing. If a later version
   * of Callkeeper wrote it, the local copy is out of date and is dropped: the record is left to
   * that version.
   */
  learn(id: string, text: string): 'learned' | 'newer' | 'unreadable' {
    const { local, onUnreadable } = this.#options;
    if (text === '' || text === local.text(id)) return 'learned';
    try {
      local.learn(id, text);
      return 'learned';
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      onUnreadable(id, error);
      if (!error.newer) return 'unreadable';
      local.drop(id);
      return 'newer';
    }
  }
}
