import { existsSync, readFileSync } from 'node:fs';
import process, { loadEnvFile } from 'node:process';
import { parseEnv } from 'node:util';

/** The environment of this process, with the variables of `.env` if there is one. */
export function readEnvironment(): NodeJS.ProcessEnv {
  ifThere(() => loadEnvFile());
  return process.env;
}

/** The names in `.env`; null: there is no such file. */
export function readNamesInFile(): string[] | null {
  return ifThere(() => Object.keys(parseEnv(readFileSync('.env', 'utf8'))));
}

function ifThere<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}

/** What to do first if there is no `.env` and no app is configured; null: one is. */
export function firstSteps(env: Readonly<Record<string, string | undefined>>): string | null {
  const isConfigured = Object.keys(env).some((name) =>
    /^(AZURE_(TENANT|CLIENT|FEDERATED)|APPS_FILE$)/.test(name),
  );
  if (isConfigured || existsSync('.env')) return null;
  return existsSync('.env.example')
    ? 'Nothing is configured yet: run `cp .env.example .env` and fill it in. To try Callkeeper without Microsoft, run `npm run simulator` and put what it prints into .env.'
    : 'Nothing is configured yet: `callkeeper serve --help` lists the variables, which may be in .env. To try Callkeeper without Microsoft, run `callkeeper simulator` and put what it prints into .env.';
}
