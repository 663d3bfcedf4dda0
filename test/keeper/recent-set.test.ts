import { expect, test } from 'vitest';
import { RecentSet } from '../../src/keeper/recent-set.ts';

test('a set of recent names forgets those that were not added again, and no others', () => {
  const names = new RecentSet();
  for (let i = 0; i < 20_000; i++) names.add(`${i}`);
  names.add('0');
  names.add('new');
  expect(['0', '1', '2', 'new'].map((name) => names.has(name))).toEqual([true, false, true, true]);
  expect(names.delete('2')).toBe(true);
  expect(names.delete('2')).toBe(false);
});
