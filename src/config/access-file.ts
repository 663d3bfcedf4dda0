import type { KeyHolder } from '../access/key-ring.ts';
import { INSTANT_GRAMMAR, parseInstant } from '../calls/instant.ts';
import { SCOPES, type Scope } from '../calls/principal.ts';
import { type Place, YamlReader } from './yaml-reader.ts';

const HASH = /^sha256:[0-9a-f]{64}$/;
const MOST_REQUESTS = 1_000_000;

/**
 * Reads the clients, their keys and what each may do. config/access.schema.json describes the same
 * form.
 *
 * @param text the content of the file
 * @throws DocumentError
 */
export function readAccess(text: string): KeyHolder[] {
  const yaml = new YamlReader(text);
  const holders = yaml.isParsed ? new HolderReader(yaml).readAll() : [];
  yaml.throwFaults();
  return holders;
}

/** Its result must not be used if there are faults. */
class HolderReader {
  readonly #yaml: YamlReader;
  /** The line of each hash so far: a key belongs to one client. */
  readonly #hashes = new Map<string, number>();

  constructor(yaml: YamlReader) {
    this.#yaml = yaml;
  }

  readAll(): KeyHolder[] {
    const yaml = this.#yaml;
    const { of } = yaml.fields(yaml.root, ['clients']) ?? { of: null };
    if (of && !of.clients) yaml.fault(yaml.root, 'lacks clients');
    const places = of?.clients ? yaml.items(of.clients) : [];
    const holders = places.map((place) => this.#holder(place));
    const named = holders.map(({ name }, i) => ({ name, place: places[i] as Place }));
    yaml.refuseRepeated(named, 'client');
    return holders;
  }

  #holder(place: Place): KeyHolder {
    const yaml = this.#yaml;
    const fields = ['name', 'keys', 'scopes', 'apps', 'rateLimit'] as const;
    const { of } = yaml.fields(place, fields) ?? { of: null };
    for (const name of ['name', 'keys', 'scopes'] as const) {
      if (of && !of[name]) yaml.fault(place, `lacks ${name}`);
    }
    return {
      name: of?.name ? yaml.name(of.name) : '',
      keys: of?.keys ? yaml.items(of.keys).map((key) => this.#key(key)) : [],
      scopes: of?.scopes ? yaml.items(of.scopes).map((scope) => this.#scope(scope)) : [],
      apps: of?.apps ? yaml.items(of.apps).map((app) => yaml.name(app)) : null,
      rateLimit: of?.rateLimit ? this.#rateLimit(of.rateLimit) : null,
    };
  }

  #key(place: Place): KeyHolder['keys'][number] {
    const { of } = this.#yaml.fields(place, ['hash', 'expiresAt']) ?? { of: null };
    if (of && !of.hash) this.#yaml.fault(place, 'lacks hash');
    return {
      hash: of?.hash ? this.#hash(of.hash) : '',
      expiresAt: of?.expiresAt ? this.#instant(of.expiresAt) : null,
    };
  }

  #hash(place: Place): string {
    const expected = 'must be sha256: and 64 hex digits in lower case, the hash of a key';
    const hash = this.#yaml.text(place, (text) => HASH.test(text), expected);
    const first = this.#hashes.get(hash);
    if (first !== undefined) this.#yaml.fault(place, `is the same as in line ${first}`);
    else if (hash !== '') this.#hashes.set(hash, place.line);
    return hash.replace('sha256:', '');
  }

  #instant(place: Place): number {
    const text = this.#yaml.text(place, (it) => parseInstant(it) !== null, INSTANT_GRAMMAR);
    return parseInstant(text) ?? 0;
  }

  #scope(place: Place): Scope {
    const isOne = (text: string) => SCOPES.some((scope) => scope === text);
    return this.#yaml.text(place, isOne, `must be one of ${SCOPES.join(', ')}`) as Scope;
  }

  #rateLimit(place: Place): number {
    const value = this.#yaml.scalar(place);
    if (
      typeof value === 'number' &&
      Number.isInteger(value) &&
      value >= 1 &&
      value <= MOST_REQUESTS
    )
      return value;
    this.#yaml.fault(place, `must be a whole number from 1 to ${MOST_REQUESTS}`);
    return 1;
  }
}
