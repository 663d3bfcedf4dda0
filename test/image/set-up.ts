import { execFileSync } from 'node:child_process';
import process from 'node:process';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Why there is no Docker to test with; null if there is one. */
    noDocker: string | null;
  }
}

/** Without Docker these tests are skipped, and this says so. */
export default function setUp({ provide }: TestProject): void {
  const noDocker = whyNot();
  provide('noDocker', noDocker);
  if (noDocker === null) return;
  process.stderr.write(
    `\nSKIPPED: the tests of the image and of compose. No Docker answers: ${noDocker}\n\n`,
  );
}

function whyNot(): string | null {
  for (const args of [['info'], ['compose', 'version']]) {
    try {
      execFileSync('docker', args, { timeout: 20_000, stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: Buffer };
      return (stderr?.toString().trim() || message).split('\n')[0] ?? message;
    }
  }
  return null;
}
