import { expect, test } from 'vitest';
import { buildOpenApi } from '../../src/http/app.ts';

// What NSwag 14.7, @hey-api/openapi-ts, openapi-typescript and orval made of the document when
// they were tried, and what Kiota's issues say, as rules: what breaks one spoils somebody's client.

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}
interface Operation {
  readonly operationId?: string;
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: Schema }>>;

const document = JSON.parse(JSON.stringify(await buildOpenApi('1'))) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
const operations = Object.values(document.paths).flatMap((path) => Object.values(path));

/** Every schema of the document and where it is, but not the components themselves. */
function* inner(value: unknown, place: string): Generator<[string, Schema]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, one] of Object.entries(value)) {
    if (['example', 'examples', 'enum'].includes(key)) continue;
    const here = `${place}/${key}`;
    if (typeof one === 'object' && one !== null && !Array.isArray(one)) yield [here, one];
    yield* inner(one, here);
  }
}
const schemas = [
  ...inner(document.paths, 'paths'),
  ...Object.entries(document.components.schemas).flatMap(([name, one]) => [...inner(one, name)]),
];
const placesOf = (is: (schema: Schema) => unknown) =>
  schemas.filter(([, schema]) => is(schema)).map(([place]) => place);

const isNull = ({ type }: Schema) => type === 'null';

test('every operation has a unique id', () => {
  const ids = operations.map(({ operationId }) => operationId);
  expect(ids).not.toContain(undefined);
  expect(new Set(ids).size).toBe(ids.length);
});

test('every object and every enum is a component, so that its type has a name', () => {
  const hasMembers = ({ properties = {} }: Schema) => Object.keys(properties).length > 0;
  expect(placesOf((schema) => schema.type === 'object' && hasMembers(schema))).toEqual([]);
  // One of a single value is a constant.
  expect(placesOf((schema) => Array.isArray(schema.enum) && schema.enum.length > 1)).toEqual([]);
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    expect(name).toMatch(/^[A-Z][A-Za-z]+$/);
    // No class without members.
    expect(schema.enum ?? Object.keys(schema.properties ?? {})).not.toEqual([]);
  }
});

test('an enum has names of strings, and none is null', () => {
  const enums = Object.values(document.components.schemas).filter((schema) => schema.enum);
  expect(enums.length).toBeGreaterThan(4);
  for (const { type, enum: members = [] } of enums) {
    expect(type).toBe('string');
    expect(members.filter((member) => typeof member !== 'string')).toEqual([]);
  }
});

test('what can be null is a plain type or null, or one component or null', () => {
  // Of an anyOf with null NSwag makes an empty class.
  expect(placesOf(({ anyOf }) => Array.isArray(anyOf))).toEqual([]);
  const unions = schemas.flatMap(([, { oneOf }]) => (Array.isArray(oneOf) ? [oneOf] : []));
  expect(unions.length).toBeGreaterThan(1);
  for (const union of unions) {
    expect(union).toHaveLength(2);
    expect(union.filter(isNull)).toHaveLength(1);
    expect(union.filter(({ $ref }) => $ref)).toHaveLength(1);
  }
});

test('the successes of an operation have one type, or none has a body', () => {
  for (const { operationId, responses } of operations) {
    const successes = Object.entries(responses).filter(([status]) => status.startsWith('2'));
    const types = successes.map(([, { content }]) => Object.values(content ?? {})[0]?.schema.$ref);
    expect([operationId, new Set(types).size]).toEqual([operationId, 1]);
  }
});

test('every JSON body has a name', () => {
  const contents = operations.flatMap(({ requestBody, responses }) => [
    ...(requestBody ? [requestBody.content] : []),
    ...Object.values(responses).flatMap(({ content }) => (content ? [content] : [])),
  ]);
  const bodies = contents.flatMap((content) =>
    Object.entries(content).filter(([type]) => type.endsWith('json')),
  );
  expect(bodies.length).toBeGreaterThan(50);
  // The document itself is any object.
  expect(bodies.filter(([, { schema }]) => !schema.$ref)).toHaveLength(1);
});
