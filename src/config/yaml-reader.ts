import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml';
import { resolveAliases } from './yaml-aliases.ts';

/** A node of the document, and its path: `apps[1].webhook`. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly node: unknown;
}

/** Fields of a mapping by name; an absent one is null. */
export type Fields<Name extends string> = Place & Readonly<{ of: Record<Name, Place | null> }>;

/** All faults of a document, by line, without any of its values. */
export class DocumentError extends Error {
  readonly code = 'DOCUMENT';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the file is not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'DocumentError';
    this.faults = faults;
  }
}

/** A name that is safe in a log, a metric and a URL. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** A file with more faults than this is some other file. */
const MOST_TOLD = 100;

/**
 * Reads a YAML document and collects its faults, by line. Messages never contain a value of the
 * document, because any value may be a secret on the wrong line.
 */
export class YamlReader {
  readonly root: Place;
  readonly #lines = new LineCounter();
  readonly #faults: { line: number; text: string }[] = [];
  readonly #document: Document.Parsed | null;
  #targets: ReadonlyMap<Alias, unknown> = new Map();

  constructor(text: string) {
    this.#document = this.#parse(text);
    this.root = { path: '', line: 1, node: this.#document?.contents ?? null };
  }

  /** Whether the document has a structure; if not, only `faults` matters. */
  get isParsed(): boolean {
    return this.#document !== null;
  }

  /** Sorted by line, each once. */
  get faults(): readonly string[] {
    const sorted = this.#faults.toSorted((a, b) => a.line - b.line);
    const all = [...new Set(sorted.map(({ line, text }) => `line ${line}: ${text}`))];
    const more = all.length - MOST_TOLD;
    return more > 0 ? [...all.slice(0, MOST_TOLD), `and ${more} more`] : all;
  }

  /** @throws DocumentError if there are faults */
  throwFaults(): void {
    if (this.#faults.length > 0) throw new DocumentError(this.faults);
  }

  /** @param wrong such as `must be a GUID` */
  fault({ path, line }: Place, wrong: string): void {
    this.#faults.push({ line, text: `${path || 'the file'} ${wrong}` });
  }

  /** A mapping with only these fields; null if it is something else. */
  fields<Name extends string>(place: Place, names: readonly Name[]): Fields<Name> | null {
    const node = this.#resolve(place);
    const known = names.join(', ');
    if (!isMap(node)) {
      this.fault(place, `must be a mapping with ${known}`);
      return null;
    }
    const of = Object.fromEntries(names.map((name) => [name, null])) as Record<Name, Place | null>;
    for (const pair of node.items) {
      const name = names.find((candidate) => candidate === keyOf(pair));
      const line = this.#lineOf(pair.key, this.#lineOf(pair.value, place.line));
      const path = place.path === '' ? `${name}` : `${place.path}.${name}`;
      if (name !== undefined) of[name] = { path, line, node: pair.value };
      else this.fault({ ...place, line }, `has a field that is unknown here; known are ${known}`);
    }
    return { ...place, of };
  }

  /** The items of a sequence; empty if it is something else. */
  items(place: Place): Place[] {
    const node = this.#resolve(place);
    if (!isSeq(node) || node.items.length === 0) {
      this.fault(place, 'must be a list of one and more');
      return [];
    }
    return node.items.map((item, i) => ({
      path: `${place.path}[${i}]`,
      line: this.#lineOf(item, place.line),
      node: item,
    }));
  }

  /** A string, number or boolean; undefined if it is something else or absent. */
  scalar(place: Place): unknown {
    const node = this.#resolve(place);
    return isScalar(node) && node.value !== null ? node.value : undefined;
  }

  /** A valid text; '' if it is invalid. @param expected such as `must be a GUID` */
  text(place: Place, isRight: (text: string) => boolean, expected: string): string {
    const value = this.scalar(place);
    if (typeof value === 'string' && isRight(value)) return value;
    this.fault(place, expected);
    return '';
  }

  name(place: Place): string {
    const expected = 'must be 1 to 63 of A-Z a-z 0-9 . _ - and start with a letter or digit';
    return this.text(place, (text) => NAME.test(text), expected);
  }

  /** Reports repeated names. @param kind such as `app` */
  refuseRepeated(named: readonly { place: Place; name: string }[], kind: string): void {
    const lines = new Map<string, number>();
    for (const { place, name } of named) {
      const first = lines.get(name);
      if (first !== undefined) this.fault(place, `has the name of the ${kind} in line ${first}`);
      else if (name !== '') lines.set(name, place.line);
    }
  }

  isMapping(place: Place): boolean {
    return isMap(this.#resolve(place));
  }

  #parse(text: string): Document.Parsed | null {
    let document: Document.Parsed;
    let aliases: ReturnType<typeof resolveAliases>;
    try {
      // With `silent`, the parser would skip a second document.
      const options = {
        lineCounter: this.#lines,
        prettyErrors: false,
        logLevel: 'error',
      } as const;
      document = parseDocument(text, options);
      aliases = resolveAliases(document);
    } catch {
      // A stack overflow by thousands of nested brackets.
      this.#faults.push({ line: 1, text: 'the file is not YAML that can be read' });
      return null;
    }
    const errors = [...document.errors, ...document.warnings];
    for (const { code, pos } of errors) {
      const line = this.#lines.linePos(pos[0]).line;
      // The parser's message quotes the document.
      const what = code.toLowerCase().replaceAll('_', ' ');
      this.#faults.push({ line, text: `this is not valid YAML (${what})` });
    }
    if (aliases.fault) this.#faults.push({ line: 1, text: `the file ${aliases.fault}` });
    this.#targets = aliases.targets;
    // After these faults the structure is still as it was meant.
    const isAsMeant = errors.every(({ code }) => code === 'DUPLICATE_KEY');
    return isAsMeant && !aliases.fault ? document : null;
  }

  #resolve({ node }: Place): unknown {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  #lineOf(node: unknown, otherwise: number): number {
    const start = (node as Node | null)?.range?.[0];
    return start === undefined ? otherwise : this.#lines.linePos(start).line;
  }
}

function keyOf({ key }: Pair): unknown {
  return isScalar(key) ? key.value : undefined;
}
