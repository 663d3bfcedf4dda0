import { INSTANT_GRAMMAR } from '../calls/instant.ts';
import { describePattern } from './patterns.ts';

/** A fault from TypeBox, in the form of Ajv. */
export interface SchemaFault {
  readonly keyword: string;
  /** JSON pointer into the checked value. */
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

interface Params {
  readonly pattern?: string;
  readonly format?: string;
  readonly allowedValues?: readonly unknown[];
  readonly limit?: number;
  readonly type?: string | readonly string[];
  readonly requiredProperties?: readonly string[];
}

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': INSTANT_GRAMMAR,
  uri: 'must be a URL',
};
const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
};

/** Says in words what was expected; TypeBox would quote the pattern or the comparison. */
export function describeFault({ keyword, params, message }: SchemaFault): string {
  return describe(keyword, params as Params) ?? message;
}

function describe(keyword: string, params: Params): string | null {
  const { pattern, format, allowedValues, limit, type, requiredProperties } = params;
  switch (keyword) {
    case 'boolean':
      return 'is not a known name';
    case 'required':
      return requiredProperties ? `lacks ${requiredProperties.join(', ')}` : null;
    case 'pattern':
      return describePattern(pattern ?? '');
    case 'format':
      return FORMATS[format ?? ''] ?? null;
    case 'enum':
      return allowedValues ? `must be one of ${allowedValues.join(', ')}` : null;
    case 'type':
      return `must be ${[type ?? []]
        .flat()
        .map((name) => TYPES[name] ?? name)
        .join(' or ')}`;
    default:
      return limit === undefined ? null : describeLimit(keyword, limit);
  }
}

function describeLimit(keyword: string, limit: number): string | null {
  switch (keyword) {
    case 'minimum':
      return `must be at least ${limit}`;
    case 'maximum':
      return `must be at most ${limit}`;
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`;
    case 'maxLength':
      return `must have at most ${limit} characters`;
    case 'minItems':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} items`;
    case 'maxItems':
      return `must have at most ${limit} items`;
    case 'maxProperties':
      return `must have at most ${limit} members`;
    default:
      return null;
  }
}
