import { expect, test } from 'vitest';
import { DropLog } from '../../src/http/drop-log.ts';

test('a flood of drops is one line in ten seconds, with the count since the last', () => {
  let now = 0;
  const lines: unknown[] = [];
  const log = new DropLog({ warn: (line: unknown) => void lines.push(line) }, () => now);
  for (let i = 0; i < 1_000; i++) log.add({ reason: 'address', network: '192.0.2.1' });
  log.add({ reason: 'full', network: '192.0.2.2' });
  expect(lines).toEqual([{ dropped: { address: 1 }, address: '192.0.2.1' }]);
  now = 10_000;
  log.add({ reason: 'address', network: '192.0.2.3' });
  expect(lines.slice(1)).toEqual([{ dropped: { address: 1_000, full: 1 }, address: '192.0.2.3' }]);
});
