import type { CallOptions } from './calls.ts';
import type { EntraFault, GraphFault } from './faults.ts';

/** The fields of each kind of fault, besides those that limit it. */
const GRAPH_FAULTS: Record<GraphFault['kind'], readonly string[]> = {
  status: ['status'],
  html404: [],
  html200: [],
  gateway404: [],
  unknown404: [],
  hang: [],
  delay: ['delayMs'],
  skew: ['aheadMs'],
  reset: [],
  cutBody: [],
  endlessBody: [],
  malformed: [],
};
const ENTRA_FAULTS: Record<EntraFault['kind'], readonly string[]> = {
  status: ['status'],
  hang: [],
  delay: ['delayMs'],
};

type Check = readonly [is: (value: unknown) => boolean, expected: string];

const isNumber = (least: number, most: number) => (value: unknown) =>
  typeof value === 'number' && value >= least && value <= most;
const isText = (value: unknown) => typeof value === 'string';
const isObject = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);

const FIELDS: Readonly<Record<string, Check>> = {
  share: [isNumber(0, 1), 'a number from 0 to 1'],
  count: [isNumber(1, 1e9), 'a number from 1'],
  callIds: [isTexts, 'a list of ids'],
  status: [isNumber(200, 599), 'a status from 200 to 599'],
  delayMs: [isNumber(0, 3_600_000), 'a number of milliseconds up to an hour'],
  aheadMs: [isNumber(-1e12, 1e12), 'a number of milliseconds, below 0 for behind'],
  headers: [isObject, 'an object of headers'],
  body: [isText, 'a text'],
  aadsts: [isNumber(0, 1e9), 'the number of an Entra error'],
  id: [isText, 'a text'],
  endsAfterMs: [isNumber(0, 1e12), 'a number of milliseconds'],
  callbackUri: [isUrl, 'an http:// or https:// URL'],
  tenantId: [isText, 'a text'],
  forMs: [isNumber(1, 3_600_000), 'a number of milliseconds from 1, up to an hour'],
  claims: [isObject, 'an object'],
  tenantIds: [isTexts, 'a list of texts'],
  secrets: [isTexts, 'a list of texts'],
  roles: [isTexts, 'a list of texts'],
};

const SCOPE = ['kind', 'share', 'count', 'callIds', 'tenantIds'];

export function readGraphFault(body: unknown): GraphFault {
  return readFault(body, GRAPH_FAULTS, ['headers', 'body']) as unknown as GraphFault;
}

export function readEntraFault(body: unknown): EntraFault {
  return readFault(body, ENTRA_FAULTS, ['headers', 'aadsts']) as unknown as EntraFault;
}

export function readCallOptions(body: unknown): CallOptions {
  return read(body, [], ['id', 'endsAfterMs', 'callbackUri', 'tenantId']) as CallOptions;
}

/** Throws a TypeError that says what was expected. */
export function read(
  body: unknown,
  required: readonly string[],
  optional: readonly string[] = [],
): Record<string, unknown> {
  if (!isObject(body)) throw new TypeError('expected a JSON object');
  const fields = body as Record<string, unknown>;
  for (const name of required) {
    if (fields[name] === undefined) throw new TypeError(`${name}: expected ${expected(name)}`);
  }
  for (const [name, value] of Object.entries(fields)) {
    if (![...required, ...optional].includes(name)) {
      const known = [...required, ...optional].join(', ') || 'no fields';
      throw new TypeError(`${name} is not known here; expected ${known}`);
    }
    const [is] = FIELDS[name] ?? [isText];
    if (!is(value)) throw new TypeError(`${name}: expected ${expected(name)}`);
  }
  return fields;
}

export function asUrl(name: string, value: unknown): string {
  if (isUrl(value)) return value as string;
  throw new TypeError(`${name}: expected an http:// or https:// URL`);
}

function readFault(
  body: unknown,
  kinds: Readonly<Record<string, readonly string[]>>,
  more: readonly string[],
): Record<string, unknown> {
  const kind = isObject(body) ? (body as { kind?: unknown }).kind : undefined;
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind)) {
    throw new TypeError(`kind: expected one of ${Object.keys(kinds).join(', ')}`);
  }
  const optional = kind === 'status' ? [...SCOPE, ...more] : SCOPE;
  return read(body, kinds[kind] ?? [], optional);
}

function isUrl(value: unknown): boolean {
  return isText(value) && /^https?:$/.test(URL.parse(value as string)?.protocol ?? '');
}

function expected(name: string): string {
  return FIELDS[name]?.[1] ?? 'a text';
}
