import { describe, expect, test } from 'vitest';
import { GROUPS, VARIABLES } from '../../src/config/table.ts';

const ROWS = [...VARIABLES];

describe('the table of variables', () => {
  test('lists each variable in exactly one group of the reference', () => {
    const listed = GROUPS.flatMap(({ variables }) => Object.keys(variables));
    expect(listed.toSorted()).toEqual([...VARIABLES.keys()].toSorted());
  });

  test.each(ROWS)('gives %s a default that its own parser accepts', (_, row) => {
    if (row.default !== null) expect(() => row.parser.parse(row.default ?? '')).not.toThrow();
  });

  test.each(ROWS.filter(([, { example }]) => example && !/^[0-]+$/.test(example)))(
    'shows an example of %s that its parser accepts',
    (_, { parser, example = '' }) => {
      expect(() => parser.parse(example)).not.toThrow();
    },
  );

  test.each(ROWS)('describes %s in sentences that fit a table', (_, { sentence, defaultSays }) => {
    expect(sentence).toMatch(/^[A-Z`][^|\n]*[.]$/);
    expect(defaultSays ?? 'x').not.toMatch(/[|\n]|[.]$/);
  });
});
