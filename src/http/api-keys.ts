import { timingSafeEqual } from 'node:crypto';

/** The API keys that count now, and whose key a request brings. */
export class ApiKeys {
  readonly #read: () => readonly string[] | null;
  #list: readonly string[] | null = null;
  #keys: readonly Buffer[] = [];

  /** `read` gives the keys that count now, a new list where they changed; null where none are configured. */
  constructor(read: () => readonly string[] | null) {
    this.#read = read;
  }

  /**
   * The name of the key in an Authorization header, which tells it apart from
   * the others and is no secret; undefined where the header holds none that
   * counts, null where none is wanted.
   */
  identify(authorization: string | undefined): string | null | undefined {
    const list = this.#read();
    if (list === null) return null;
    if (list !== this.#list) {
      this.#list = list;
      this.#keys = list.map((key) => Buffer.from(key));
    }
    const presented = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1];
    return presented === undefined ? undefined : this.#find(Buffer.from(presented));
  }

  /** Looks at all keys, so that the time it takes tells no more than their lengths. */
  #find(presented: Buffer): string | undefined {
    let found: string | undefined;
    for (const [i, key] of this.#keys.entries()) {
      if (key.length === presented.length && timingSafeEqual(key, presented)) found = `key ${i}`;
    }
    return found;
  }
}
