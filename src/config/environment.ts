import { existsSync, readFileSync } from 'node:fs';
import process, { loadEnvFile } from 'node:process';
import { parseEnv } from 'node:util';
import type { Env } from './env-reader.ts';
import { caFault, trustCas } from './extra-cas.ts';
import { unknownVariables } from './unknown-variables.ts';

const CAS = 'NODE_EXTRA_CA_CERTS';

/**
 * The environment of this process, with the variables of `.env` if there is one. From now on the
 * process trusts the CAs that NODE_EXTRA_CA_CERTS names, in the environment and in `.env`.
 */
export function readEnvironment(): NodeJS.ProcessEnv {
  const named = new Set([process.env[CAS], parseEnv(readFile())[CAS]]);
  ifThere(() => loadEnvFile());
  for (const path of named) if (path) trustCas(path);
  return process.env;
}

export function environmentWarnings(env: Env): string[] {
  const text = readFile();
  const file: Env = parseEnv(text);
  const cas = new Set([env[CAS], file[CAS]].filter((path) => path !== undefined && path !== ''));
  const faults = [...cas].map((path) => caFault(path ?? '')).filter((fault) => fault !== null);
  return [...unknownVariables(env, linesOf(Object.keys(file), text)), ...faults];
}

function readFile(): string {
  return ifThere(() => readFileSync('.env', 'utf8')) ?? '';
}

function linesOf(names: readonly string[], text: string): Map<string, number | null> {
  const starts = text.split('\n').map((line) => line.split('=')[0]?.replace(/^\s*export\s/, ''));
  return new Map(
    names.map((name) => {
      const index = starts.findIndex((start) => start?.trim() === name);
      return [name, index < 0 ? null : index + 1];
    }),
  );
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
export function firstSteps(env: Env): string | null {
  const isConfigured = Object.keys(env).some((name) =>
    /^(AZURE_(TENANT|CLIENT|FEDERATED)|APPS_FILE$)/.test(name),
  );
  if (isConfigured || existsSync('.env')) return null;
  return existsSync('.env.example')
    ? 'Nothing is configured yet: run `cp .env.example .env` and fill it in. To try Callkeeper without Microsoft, run `npm run simulator` and put what it prints into .env.'
    : 'Nothing is configured yet: `callkeeper serve --help` lists the variables, which may be in .env. To try Callkeeper without Microsoft, run `callkeeper simulator` and put what it prints into .env.';
}
