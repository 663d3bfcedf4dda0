import type { Static, TSchema } from 'typebox';
import type { TValidationError } from 'typebox/error';
import { Errors, Pointer } from 'typebox/schema';
import { Settings } from 'typebox/system';
import { type LineFault, YamlDocument } from './yaml-document.ts';

/** The parts of a value that have no fault. null: it has a fault; undefined: it is absent. */
export type Draft<T> = (T extends object ? DraftFields<T> : T) | null;
export type DraftFields<T> = { [K in keyof T]?: Draft<T[K]> };

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

/** A file with more faults than this is some other file. */
const MOST_TOLD = 100;

/**
 * Reads a YAML document by a schema made with file-schema.ts, and collects its faults by line.
 * Messages never contain a value of the document, because any value may be a secret on the
 * wrong line.
 */
export class YamlReader<Schema extends TSchema> {
  readonly draft: Draft<Static<Schema>>;
  readonly #document: YamlDocument;
  readonly #faults: LineFault[];

  /** @throws DocumentError if the text is not YAML */
  constructor(text: string, schema: Schema) {
    this.#document = new YamlDocument(text);
    this.#faults = [...this.#document.faults];
    let draft = this.#document.value;
    if (draft === undefined) throw new DocumentError(this.#sorted());
    for (const error of allErrors(schema, draft)) {
      if (this.#report(error, schema)) draft = cleared(draft, error.instancePath.split('/'));
    }
    this.draft = draft as Draft<Static<Schema>>;
  }

  /**
   * The document.
   *
   * @throws DocumentError if there are faults
   */
  whole(): Static<Schema> {
    if (this.#faults.length > 0) throw new DocumentError(this.#sorted());
    return this.draft as Static<Schema>;
  }

  /**
   * @param pointer such as `/apps/1/webhook`
   * @param wrong such as `must be a GUID`
   */
  fault(pointer: string, wrong: string, line = this.#document.lineOf(pointer)): void {
    const path = pointer
      .replaceAll(/\/(\d+)/g, '[$1]')
      .replaceAll('/', '.')
      .slice(1);
    this.#faults.push({ line, text: `${path || 'the file'} ${wrong}` });
  }

  /** @param wrong such as `has the name of the app`; the line of the first follows */
  refuseRepeated(
    values: readonly (readonly [pointer: string, value: string | null | undefined])[],
    wrong: string,
  ): void {
    const lines = new Map<string, number>();
    for (const [pointer, value] of values) {
      if (typeof value !== 'string') continue;
      const first = lines.get(value);
      if (first !== undefined) this.fault(pointer, `${wrong} in line ${first}`);
      else lines.set(value, this.#document.lineOf(pointer));
    }
  }

  /** @returns whether the value itself is faulty; the fault may be in one of its fields */
  #report({ keyword, schemaPath, instancePath, params }: TValidationError, schema: Schema) {
    const rule = Pointer.Get(schema, schemaPath.slice(1)) as Rule;
    switch (keyword) {
      case 'boolean': // the value of an unknown field
        return false;
      case 'additionalProperties':
        this.#refuseUnknown(instancePath, Object.keys(rule.properties));
        return false;
      case 'required':
        for (const name of params.requiredProperties) this.fault(instancePath, `lacks ${name}`);
        return false;
      default:
        this.fault(instancePath, keyword === '~refine' ? params.message : rule.errorMessage);
        return true;
    }
  }

  #refuseUnknown(pointer: string, known: readonly string[]): void {
    const wrong = `has a field that is unknown here; known are ${known.join(', ')}`;
    for (const line of this.#document.linesOfOthers(pointer, known)) {
      this.fault(pointer, wrong, line);
    }
  }

  /** By line, each once. */
  #sorted(): string[] {
    const sorted = this.#faults.toSorted((a, b) => a.line - b.line);
    const all = [...new Set(sorted.map(({ line, text }) => `line ${line}: ${text}`))];
    const more = all.length - MOST_TOLD;
    return more > 0 ? [...all.slice(0, MOST_TOLD), `and ${more} more`] : all;
  }
}

/** What the messages use of a schema. */
interface Rule {
  readonly errorMessage: string;
  readonly properties: object;
}

/** TypeBox stops at the eighth error: enough for a request of the API, too few for a file. */
function allErrors(schema: TSchema, value: unknown): TValidationError[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: Number.POSITIVE_INFINITY });
  try {
    return Errors(schema, value)[1];
  } finally {
    Settings.Set({ maxErrors });
  }
}

/** Replaces a part of the value by null. */
function cleared(value: unknown, [, step, ...rest]: readonly string[]): unknown {
  if (value === null || step === undefined) return null;
  const parent = value as Record<string, unknown>;
  parent[step] = cleared(parent[step], ['', ...rest]);
  return parent;
}
