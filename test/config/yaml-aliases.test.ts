import { describe, expect, test } from 'vitest';
import { DocumentError, YamlReader } from '../../src/config/yaml-reader.ts';

const TOO_MUCH = 'line 1: the file has over 100000 values with its aliases written out';

function read(text: string) {
  const yaml = new YamlReader(text);
  return { isParsed: yaml.isParsed, faults: yaml.faults, yaml };
}

/** Each line is a list of ten aliases to the line before. */
function laughs(lines: number): string {
  const first = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]';
  const more = Array.from({ length: lines }, (_, i) => {
    return `a${i + 1}: &a${i + 1} [${Array.from({ length: 10 }, () => `*a${i}`).join(', ')}]`;
  });
  return [first, ...more].join('\n');
}

describe('the aliases of a YAML file', () => {
  test('stand for what their anchors name, the last one before them', () => {
    const { yaml } = read('apps: [&a one, *a, &a two, *a]\nmore: *a');
    const { of } = yaml.fields(yaml.root, ['apps', 'more']) ?? {};
    const items = of?.apps ? yaml.items(of.apps) : [];
    expect(items.map((item) => yaml.scalar(item))).toEqual(['one', 'one', 'two', 'two']);
    expect(of?.more && yaml.scalar(of.more)).toBe('two');
  });

  test('may be many if they stand for little', () => {
    const items = Array.from({ length: 20_000 }, () => '- *a').join('\n');
    const { yaml, isParsed } = read(`- &a { x: 1 }\n${items}`);
    expect(isParsed).toBe(true);
    const names = yaml.items(yaml.root).map((item) => yaml.fields(item, ['x'])?.of.x?.line);
    expect(names).toHaveLength(20_001);
    expect(yaml.faults).toEqual([]);
  });

  test('stand for nothing if no anchor comes before them', () => {
    const { yaml } = read('apps: *a\nmore: &a x');
    const { of } = yaml.fields(yaml.root, ['apps', 'more']) ?? {};
    expect(of?.apps && yaml.scalar(of.apps)).toBeUndefined();
  });

  test.each([
    ['lists of aliases, ten each', laughs(5)],
    ['lists of aliases beyond counting', laughs(400)],
    ['a long list many times over', `a: &a [${'x,'.repeat(2_000)}]\nb: [${'*a,'.repeat(60)}]`],
    ['a circle', 'a: &a [*a]'],
    ['a circle of two', 'a: &a { b: &b { c: *a } }\nd: *b'],
    ['keys', `? &a [${'x,'.repeat(2_000)}]\n: [${'*a,'.repeat(60)}]`],
  ])('that are %s are refused', (_, text) => {
    const { isParsed, faults } = read(text);
    expect({ isParsed, faults }).toEqual({ isParsed: false, faults: [TOO_MUCH] });
    expect(() => read(text).yaml.throwFaults()).toThrow(DocumentError);
  });

  test('cost nothing in a file that has none, however long', () => {
    expect(read(`[${'x,'.repeat(150_000)}]`)).toMatchObject({ isParsed: true, faults: [] });
  });
});
