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

export interface LineFault {
  readonly line: number;
  /** Never contains a value of the document. */
  readonly text: string;
}

/** A node and its line. A node without a line has the line of the nearest node around it. */
interface Place {
  readonly line: number;
  readonly node: unknown;
}

/** A YAML document: its value, and the lines of what is in it. */
export class YamlDocument {
  readonly faults: LineFault[] = [];
  /** Strings, numbers, booleans, null, lists and mappings; undefined if it has no structure. */
  readonly value: unknown;
  readonly #lines = new LineCounter();
  #root: unknown = null;
  #targets: ReadonlyMap<Alias, unknown> = new Map();

  constructor(text: string) {
    try {
      // With `silent`, the parser would skip a second document.
      const options = { lineCounter: this.#lines, prettyErrors: false, logLevel: 'error' } as const;
      this.value = this.#read(parseDocument(text, options));
    } catch {
      // A stack overflow by thousands of nested brackets.
      this.faults.push({ line: 1, text: 'the file is not YAML that can be read' });
    }
  }

  /** @param pointer a JSON pointer, without names that need escapes */
  lineOf(pointer: string): number {
    return this.#at(pointer).line;
  }

  /** The lines of a mapping's fields, except those with these names. */
  linesOfOthers(pointer: string, names: readonly string[]): number[] {
    const place = this.#at(pointer);
    const mapping = this.#resolve(place.node);
    const pairs = isMap(mapping) ? mapping.items : [];
    return pairs
      .filter((pair) => !names.includes(nameOf(pair)))
      .map((pair) => this.#fieldOf(pair, place.line).line);
  }

  #read(document: Document.Parsed): unknown {
    const { targets, fault } = resolveAliases(document);
    const errors = [...document.errors, ...document.warnings];
    for (const { code, pos } of errors) {
      // The parser's message quotes the document.
      const what = code.toLowerCase().replaceAll('_', ' ');
      const { line } = this.#lines.linePos(pos[0]);
      this.faults.push({ line, text: `this is not valid YAML (${what})` });
    }
    if (fault) this.faults.push({ line: 1, text: `the file ${fault}` });
    // A duplicate key does not change the structure; after any other error it would be a guess.
    if (fault || errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return undefined;
    this.#root = document.contents;
    this.#targets = targets;
    return this.#valueOf(document.contents);
  }

  #valueOf(node: unknown): unknown {
    const it = this.#resolve(node);
    if (isSeq(it)) return it.items.map((item) => this.#valueOf(item));
    if (isMap(it)) {
      return Object.fromEntries(it.items.map((pair) => [nameOf(pair), this.#valueOf(pair.value)]));
    }
    return isScalar(it) ? (it.value ?? null) : null;
  }

  #at(pointer: string): Place {
    let place: Place = { line: 1, node: this.#root };
    for (const step of pointer.split('/').slice(1)) place = this.#below(place, step);
    return place;
  }

  #below({ line, node }: Place, step: string): Place {
    const parent = this.#resolve(node);
    if (isSeq(parent)) {
      const item = parent.items[Number(step)];
      return { line: this.#startOf(item) ?? line, node: item };
    }
    // Of duplicate keys the last one counts.
    const pair = isMap(parent) && parent.items.findLast((it) => nameOf(it) === step);
    return pair ? this.#fieldOf(pair, line) : { line, node: null };
  }

  #fieldOf({ key, value }: Pair, around: number): Place {
    return { line: this.#startOf(key) ?? this.#startOf(value) ?? around, node: value };
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  #startOf(node: unknown): number | undefined {
    const start = (node as Node | null | undefined)?.range?.[0];
    return start === undefined ? undefined : this.#lines.linePos(start).line;
  }
}

/** The name of a field; '' if it is no text: no schema has a field of that name. */
function nameOf({ key }: Pair): string {
  return isScalar(key) && typeof key.value === 'string' ? key.value : '';
}
