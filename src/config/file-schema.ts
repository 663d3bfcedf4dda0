import Type, { type TObjectOptions, type TProperties, type TSchema } from 'typebox';

/*
 * The parts of the schemas of APPS_FILE and ACCESS_FILE. The reader's message for a fault is the
 * place and `errorMessage`, which editors with the YAML language server show too.
 */

/** A mapping with these fields and no others. */
export function mapping<P extends TProperties>(properties: P, options: TObjectOptions = {}) {
  const errorMessage = `must be a mapping with ${Object.keys(properties).join(', ')}`;
  return Type.Object(properties, { additionalProperties: false, errorMessage, ...options });
}

/** A mapping with exactly one of these fields. */
export function oneOf<P extends TProperties>(properties: P, options: TObjectOptions = {}) {
  const errorMessage = `must be a mapping with one of ${Object.keys(properties).join(', ')}`;
  return mapping(properties, { minProperties: 1, maxProperties: 1, errorMessage, ...options });
}

export function list<T extends TSchema>(items: T, description: string) {
  const errorMessage = 'must be a list of one and more';
  return Type.Array(items, { description, minItems: 1, errorMessage });
}

export function choice<const T extends string>(values: readonly T[], description: string) {
  const errorMessage = `must be one of ${values.join(', ')}`;
  return Type.Enum([...values], { description, errorMessage });
}

export function truth(description: string) {
  return Type.Boolean({ description, errorMessage: 'must be true or false' });
}

/** A name that is safe in a log, a metric and a URL. */
export function name(description: string) {
  const errorMessage = 'must be 1 to 63 of A-Z a-z 0-9 . _ - and start with a letter or digit';
  return Type.String({ description, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$', errorMessage });
}
