import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

export function isThere(tool: string): boolean {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export const MONO = 'mono';

/** Of Debian: mono-mcs, mono-runtime, libmono-system-net-http4.0-cil. */
export const hasMono = ['mcs', MONO].every((tool) => isThere(tool));

/** Compiles C#; a warning is an error. */
export async function compile(program: string, sources: readonly string[]): Promise<void> {
  const options = ['-warnaserror', '-r:System.Net.Http.dll', `-out:${program}`];
  await promisify(execFile)('mcs', [...options, ...sources]);
}
