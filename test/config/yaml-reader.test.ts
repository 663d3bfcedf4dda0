import Type from 'typebox';
import { Settings } from 'typebox/system';
import { describe, expect, test } from 'vitest';
import { ACCESS_SCHEMA } from '../../src/config/access-schema.ts';
import { APPS_SCHEMA } from '../../src/config/apps-schema.ts';
import { choice, list, mapping, name, oneOf } from '../../src/config/file-schema.ts';
import { DocumentError, YamlReader } from '../../src/config/yaml-reader.ts';

const SCHEMA = mapping({
  name: name('Its name.'),
  one: Type.Optional(oneOf({ a: Type.Optional(name('A.')), b: Type.Optional(name('B.')) })),
  many: Type.Optional(list(choice(['x', 'y'], 'Either.'), 'Several.')),
});

const read = (text: string) => new YamlReader(text, SCHEMA);

function faults(text: string): readonly string[] {
  try {
    read(text).whole();
    return [];
  } catch (error) {
    if (error instanceof DocumentError) return error.faults;
    throw error;
  }
}

describe('a document read by a schema', () => {
  test('has its value if it has no fault', () => {
    const text = 'name: n\none: { b: c }\nmany: [x, y]';
    expect(read(text).whole()).toEqual({ name: 'n', one: { b: 'c' }, many: ['x', 'y'] });
  });

  test('has a draft with null in place of each faulty value, and nothing else', () => {
    expect(read('one: { a: 7 }\nmany: [x, z]').draft).toEqual({
      one: { a: null },
      many: ['x', null],
    });
    expect(read('name: n\none: { a: 7, b: c }').draft).toEqual({ name: 'n', one: null });
    expect(read('[]').draft).toBeNull();
  });

  test("has more than eight faults; TypeBox's limit of eight still holds for the API", () => {
    const text = `name: n\nmany:\n${'  - z\n'.repeat(20)}`;
    expect(faults(text)).toEqual(
      Array.from({ length: 20 }, (_, i) => `line ${i + 3}: many[${i}] must be one of x, y`),
    );
    expect(Settings.Get().maxErrors).toBe(8);
  });

  test('has a fault in the line of each unknown field, whatever its name is', () => {
    const others = ['nam: n', '7: n', '~: n', '? [name]\n: n', '__proto__: { name: n }', '<<: {}'];
    const wrong = 'the file has a field that is unknown here; known are name, one, many';
    expect(faults(['name: n', ...others].join('\n'))).toEqual(
      [2, 3, 4, 5, 7, 8].map((line) => `line ${line}: ${wrong}`),
    );
  });

  test('has a fault for a repeated value, with the lines of both', () => {
    const reader = read('name: n\nmany:\n  - x\n  - y\n  - x');
    const items = reader.draft?.many?.map((item, i) => [`/many/${i}`, item] as const) ?? [];
    reader.refuseRepeated([...items, ['/one', undefined], ['/one', undefined]], 'is like the one');
    expect(() => reader.whole()).toThrow('line 5: many[2] is like the one in line 3');
  });
});

test.each([
  ['APPS_FILE', APPS_SCHEMA],
  ['ACCESS_FILE', ACCESS_SCHEMA],
])('each rule of %s has a message', (_, schema) => {
  const rules = rulesIn(JSON.parse(JSON.stringify(schema)));
  expect(rules.length).toBeGreaterThan(9);
  for (const rule of rules) expect(rule).toHaveProperty('errorMessage', expect.any(String));
});

interface Rule {
  readonly properties?: Readonly<Record<string, Rule>>;
  readonly items?: Rule;
}

function rulesIn(rule: Rule): Rule[] {
  const below = [...Object.values(rule.properties ?? {}), ...(rule.items ? [rule.items] : [])];
  return [rule, ...below.flatMap(rulesIn)];
}
