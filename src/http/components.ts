type Json = { readonly [key: string]: unknown };

interface Document {
  readonly paths?: object;
  readonly components?: { readonly schemas?: object };
}

/** The values of these keys look like schemas, but are data. */
const DATA = new Set(['example', 'examples', 'default', 'enum', 'const']);

/**
 * Moves every schema with a title to the components of the document and refers to it, because
 * client generators name types by their components. The routes keep their whole schemas, because
 * requests are checked against them.
 */
export function nameSchemas<T extends Document>(
  document: T,
): T & { components: { schemas: Record<string, object> } } {
  const named = new Map<string, Json>();
  const paths = move(document.paths, named);
  for (const [name, schema] of Object.entries<Json>({ ...document.components?.schemas })) {
    add(name, moveAll(schema, named), named);
  }
  const schemas = Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...document, paths, components: { ...document.components, schemas } };
}

function move(value: unknown, named: Map<string, Json>): unknown {
  if (Array.isArray(value)) return value.map((one) => move(one, named));
  if (!isObject(value)) return value;
  const moved = moveAll(value, named);
  if (typeof value.title !== 'string') return moved;
  // A default belongs to the place, such as a parameter.
  const { default: preset, ...schema } = moved;
  add(value.title, schema, named);
  const reference = { $ref: `#/components/schemas/${value.title}` };
  return preset === undefined ? reference : { ...reference, default: preset };
}

function moveAll(value: Json, named: Map<string, Json>): Json {
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, one]) => [key, DATA.has(key) ? one : move(one, named)]),
  );
}

/** Ignores descriptions: the same schema may be described differently in each place. */
function add(name: string, schema: Json, named: Map<string, Json>): void {
  const other = named.get(name) ?? schema;
  if (textOf(other) !== textOf(schema)) {
    throw new Error(`two different schemas have the title ${name}`);
  }
  named.set(name, { ...other, ...schema });
}

function textOf({ description: _, ...schema }: Json): string {
  return JSON.stringify(schema);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
