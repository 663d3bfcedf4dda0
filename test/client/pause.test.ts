import { expect, onTestFinished, test } from 'vitest';
import { pause } from '../../src/client/pause.ts';

test.each([-1, Number.NaN])('a pause of %d ms ends at once', async (ms) => {
  const warnings = warningsOf();
  await pause(ms);
  expect(warnings).toEqual([]);
});

test('a pause longer than any timer lasts until its signal aborts', async () => {
  const warnings = warningsOf();
  const stop = new AbortController();
  let isOver = false;
  const pausing = pause(1e12, { signal: stop.signal }).then(() => {
    isOver = true;
  });
  await pause(50);
  expect([isOver, warnings]).toEqual([false, []]);
  stop.abort();
  await pausing;
});

/** The warnings that Node emits during the test. */
function warningsOf(): Error[] {
  const warnings: Error[] = [];
  const hear = (warning: Error) => void warnings.push(warning);
  process.on('warning', hear);
  onTestFinished(() => void process.off('warning', hear));
  return warnings;
}
