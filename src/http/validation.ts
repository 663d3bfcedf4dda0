import type { FastifySchemaCompiler } from 'fastify';
import type { TObject, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { describeFault, type SchemaFault } from './fault-words.ts';
import type { Fault } from './problems.ts';

/** `body`, `params`, `querystring` or `headers`: Fastify's names. */
type HttpPart = string | undefined;

/**
 * Strict: it drops, fills in and converts nothing. Only a query, which is text, has its numbers,
 * booleans and lists converted.
 */
export function validator(schema: TSchema, part: HttpPart) {
  const compiled = Compile(schema);
  return (data: unknown) => {
    const value = part === 'querystring' ? readQuery(schema as TObject, data) : data;
    return compiled.Check(value) ? { value } : { error: compiled.Errors(value) };
  };
}

export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) =>
  validator(schema, httpPart);

/** TypeBox reports a bad name twice: at the name, and at the object around it. */
const REPORTED_TWICE = new Set(['additionalProperties', 'propertyNames']);

/** The faults of one part, each once and with its place. TypeBox stops at the eighth. */
export function faultsOf(found: readonly SchemaFault[], part: HttpPart, base = ''): Fault[] {
  const distinct = found.filter(({ keyword }) => !REPORTED_TWICE.has(keyword));
  const byPlace = new Map<string, Fault>();
  for (const fault of distinct) {
    const { instancePath } = fault;
    if (byPlace.has(instancePath)) continue;
    const place = placeOf(part, instancePath, base);
    const inWords = fault.keyword === 'pattern' ? PATTERNS.get(place.parameter ?? '') : undefined;
    byPlace.set(instancePath, { ...place, detail: inWords ?? describeFault(fault) });
  }
  return [...byPlace.values()];
}

/** By parameter: says more than {@link describeFault} can say of the pattern alone. */
const PATTERNS: ReadonlyMap<string, string> = new Map([
  ['label', 'must be key or key=value, such as room=board, and begin with a letter or a digit'],
]);

function placeOf(part: HttpPart, instancePath: string, base: string): Omit<Fault, 'detail'> {
  if (part === 'params' || part === 'querystring' || part === 'headers') {
    const parameter = instancePath.split('/')[1];
    return parameter === undefined ? {} : { parameter };
  }
  return { pointer: `${base}${instancePath}` };
}

function readQuery(schema: TObject, query: unknown): unknown {
  const read: Record<string, unknown> = { ...(query as Record<string, unknown>) };
  for (const [name, property] of Object.entries<{ type?: string }>(schema.properties)) {
    const value = read[name];
    if (typeof value !== 'string') continue;
    if (property.type === 'array') read[name] = [value];
    if (property.type === 'boolean' && /^(true|false)$/.test(value)) read[name] = value === 'true';
    if (property.type === 'integer' && /^\d{1,9}$/.test(value)) read[name] = Number(value);
  }
  return read;
}
