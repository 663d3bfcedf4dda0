import process, { loadEnvFile } from 'node:process';

/** The environment of this process, with what stands in .env where there is one. */
export function readEnvironment(): NodeJS.ProcessEnv {
  try {
    loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return process.env;
}
