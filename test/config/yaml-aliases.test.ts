import { describe, expect, test } from 'vitest';
import { YamlDocument } from '../../src/config/yaml-document.ts';

const TOO_MUCH = {
  line: 1,
  text: 'the file has over 100000 values with its aliases written out',
};

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
    const { value } = new YamlDocument('apps: [&a one, *a, &a two, *a]\nmore: *a');
    expect(value).toEqual({ apps: ['one', 'one', 'two', 'two'], more: 'two' });
  });

  test('may be many if they stand for little', () => {
    const items = Array.from({ length: 20_000 }, () => '- *a').join('\n');
    const document = new YamlDocument(`- &a { x: 1 }\n${items}`);
    expect(document.faults).toEqual([]);
    expect(document.value).toEqual(Array.from({ length: 20_001 }, () => ({ x: 1 })));
  });

  test('have their own lines, but their content has the lines of the anchor', () => {
    const document = new YamlDocument('- &a\n  x: 1\n- *a');
    expect([document.lineOf('/1'), document.lineOf('/1/x')]).toEqual([3, 2]);
  });

  test('stand for nothing if no anchor comes before them', () => {
    const { value } = new YamlDocument('apps: *a\nmore: &a x');
    expect(value).toEqual({ apps: null, more: 'x' });
  });

  test.each([
    ['lists of aliases, ten each', laughs(5)],
    ['lists of aliases beyond counting', laughs(400)],
    ['a long list many times over', `a: &a [${'x,'.repeat(2_000)}]\nb: [${'*a,'.repeat(60)}]`],
    ['a circle', 'a: &a [*a]'],
    ['a circle of two', 'a: &a { b: &b { c: *a } }\nd: *b'],
    ['keys', `? &a [${'x,'.repeat(2_000)}]\n: [${'*a,'.repeat(60)}]`],
  ])('that are %s are refused', (_, text) => {
    expect(new YamlDocument(text)).toMatchObject({ value: undefined, faults: [TOO_MUCH] });
  });

  test('cost nothing in a file that has none, however long', () => {
    const { value, faults } = new YamlDocument(`[${'x,'.repeat(150_000)}]`);
    expect(value).toHaveLength(150_000);
    expect(faults).toEqual([]);
  });
});
