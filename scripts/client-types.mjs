// Writes src/client/api.ts, the types of the client, from config/openapi.json; with --check it says
// whether the file is current. General tools for this need the compiler API, which TypeScript 7
// does not have.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../src/client/api.ts', import.meta.url);
const DOCUMENT = new URL('../config/openapi.json', import.meta.url);

const document = JSON.parse(readFileSync(DOCUMENT, 'utf8'));
const current = write(document);

if (!process.argv.includes('--check')) {
  writeFileSync(FILE, current);
} else if (readFileSync(FILE, 'utf8') !== current) {
  process.stderr.write('src/client/api.ts is not what the document says: run npm run openapi\n');
  process.exitCode = 1;
}

function write({ components, paths }) {
  const named = { ...components.schemas };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    const query = (operation.parameters ?? []).filter(({ in: where }) => where === 'query');
    if (query.length > 0) named[`${pascal(operation.operationId)}Query`] = asObject(query);
  }
  const problems = new Set(
    JSON.stringify({ paths, components }).match(/urn:callkeeper:problem:[a-z-]+/g),
  );
  const types = Object.entries(named).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '// Generated from config/openapi.json by `npm run openapi`. Change the routes instead.',
    ...types.map(([name, schema]) => `${comment(schema, '')}${declare(name, schema)}`),
    `/** The \`type\` of every problem that is documented with a route. */\nexport type ProblemType =${[
      ...problems,
    ]
      .sort()
      .map((type) => `\n  | '${type}'`)
      .join('')};`,
  ]
    .join('\n\n')
    .concat('\n');
}

function asObject(parameters) {
  return {
    type: 'object',
    additionalProperties: false,
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
    properties: Object.fromEntries(
      parameters.map(({ name, schema, description }) => [name, { description, ...schema }]),
    ),
  };
}

function declare(name, schema) {
  if (schema.type === 'object' && Object.keys(schema.properties ?? {}).length > 0) {
    return `export interface ${name} ${object(schema, '')}`;
  }
  return `export type ${name} = ${type(schema, '')};`;
}

/** The TypeScript type of a JSON Schema. Fails for what our document does not use. */
function type(schema, indent) {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum) return schema.enum.map(literal).join(' | ');
  if (schema.oneOf) return schema.oneOf.map((one) => type(one, indent)).join(' | ');
  const types = [schema.type ?? 'unknown'].flat();
  return types.map((one) => plain(one, schema, indent)).join(' | ');
}

function plain(name, schema, indent) {
  switch (name) {
    case 'array':
      return `readonly ${bracketed(type(schema.items ?? {}, indent))}[]`;
    case 'integer':
      return 'number';
    case 'object':
      return object(schema, indent);
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
    case 'unknown':
      return name;
    default:
      throw new Error(`no TypeScript is known for the schema type ${name}`);
  }
}

function object({ properties = {}, required = [], additionalProperties }, indent) {
  const inner = `${indent}  `;
  const rest =
    typeof additionalProperties === 'object' && Object.keys(additionalProperties).length > 0
      ? type(additionalProperties, inner)
      : 'unknown';
  const names = Object.keys(properties);
  if (names.length === 0) return `Readonly<Record<string, ${rest}>>`;
  const lines = names.map((name) => {
    const mark = required.includes(name) ? '' : '?';
    // A caller may pass undefined.
    const orNone = mark === '?' ? ' | undefined' : '';
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`;
    const text = comment(properties[name], inner);
    return `${text}${inner}readonly ${key}${mark}: ${type(properties[name], inner)}${orNone};`;
  });
  if (additionalProperties === true) lines.push(`${inner}readonly [member: string]: unknown;`);
  return `{\n${lines.join('\n')}\n${indent}}`;
}

/** A union needs brackets before `[]`. */
function bracketed(text) {
  return /^[^{]* \| /.test(text) ? `(${text})` : text;
}

function literal(value) {
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
}

function comment({ description }, indent) {
  return description ? `${indent}/** ${description.replaceAll('*/', '* /')} */\n` : '';
}

function pascal(name) {
  return name[0].toUpperCase() + name.slice(1);
}
