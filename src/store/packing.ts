import type { TObject, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** A text that is not a valid record. */
export class UnreadableError extends Error {
  readonly code = 'UNREADABLE';
  /** A later version of Callkeeper wrote it: it must not be overwritten. */
  readonly newer: boolean;
  constructor(message: string, newer = false) {
    super(message);
    this.name = 'UnreadableError';
    this.newer = newer;
  }
}

/** Packs the fields of a record as JSON, by position: `[[…],…]`. */
export class Packing<T extends object> {
  readonly #shape: Shape;
  readonly #check: (value: unknown) => value is T;

  /** @param schema of an object; the order of its fields must never change */
  constructor(schema: TObject) {
    this.#shape = shapeOf(schema) ?? [];
    const compiled = Compile(schema);
    this.#check = (value): value is T => compiled.Check(value);
  }

  pack(fields: T): string {
    return JSON.stringify(pack(this.#shape, fields));
  }

  /** @throws UnreadableError */
  unpack(text: string): T {
    const fields = unpack(this.#shape, parse(text));
    if (this.#check(fields)) return fields;
    throw new UnreadableError('it does not have the fields of a record');
  }
}

/**
 * A text begins with the version of its form.
 *
 * @param readable the versions that can be read; a field that an older one lacks is null
 * @throws UnreadableError
 */
export function assertReadable(text: string, readable: ReadonlySet<string>): void {
  const version = text[0] ?? '';
  if (readable.has(version)) return;
  const why = `it has version "${version}", not ${[...readable].join(' or ')}`;
  throw new UnreadableError(why, /^[2-9]/.test(version));
}

/** Digits of an instant in a head. */
export const DIGITS = 9;

/** An instant in base 36, of fixed width; 0 for none. */
export function formatInstant(instant: number | null | undefined): string {
  const whole = Math.trunc(instant ?? 0);
  return Math.max(0, whole).toString(36).padStart(DIGITS, '0').slice(-DIGITS);
}

/** Reads the nth instant of a head, which follows the version; 0 for none. */
export function instantAt(text: string, n: number): number {
  return Number.parseInt(text.slice(1 + n * DIGITS, 1 + (n + 1) * DIGITS), 36);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableError('it is not JSON');
  }
}

/** The fields of an object in their order, each with the fields of the object in it, if any. */
type Shape = readonly (readonly [name: string, inner: Shape | null])[];

function shapeOf(schema: TSchema): Shape | null {
  const options: readonly TSchema[] = (schema as { anyOf?: TSchema[] }).anyOf ?? [schema];
  const object = options.find((option): option is TObject => 'properties' in option);
  if (!object) return null;
  return Object.entries(object.properties).map(([name, inner]) => [name, shapeOf(inner)]);
}

/** Turns an object into a list of its values, without nulls at the end. */
function pack(shape: Shape, value: object): unknown[] {
  const packed = shape.map(([name, inner]) => {
    const field = (value as Record<string, unknown>)[name] ?? null;
    return inner !== null && field !== null ? pack(inner, field) : field;
  });
  while (packed.at(-1) === null) packed.pop();
  return packed;
}

function unpack(shape: Shape, packed: unknown): unknown {
  if (!Array.isArray(packed)) throw new UnreadableError('its parts are not lists');
  const value: Record<string, unknown> = {};
  for (const [i, [name, inner]] of shape.entries()) {
    const field: unknown = packed[i] ?? null;
    value[name] = inner !== null && field !== null ? unpack(inner, field) : field;
  }
  return value;
}
