import { expect, onTestFinished, test } from 'vitest';
import { logConsole } from '../../src/log/library-warnings.ts';

test('what a library prints on the console is logged, each line once', () => {
  const { warn, error } = console;
  onTestFinished(() => void Object.assign(console, { warn, error }));
  const logged: unknown[] = [];
  logConsole({ warn: ((told: unknown) => void logged.push(told)) as never });
  for (let i = 0; i < 3; i++) console.warn('[WARN] no %s is needed', 'password');
  console.error('[ioredis] Unhandled error event:', 'stack');
  expect(logged).toEqual([
    { line: '[WARN] no password is needed' },
    { line: '[ioredis] Unhandled error event: stack' },
  ]);
});
