import { existsSync, statSync } from 'node:fs';
import process from 'node:process';
import { parseEnv } from 'node:util';
import { FileError, readBounded } from './bounded-file.ts';
import type { Env } from './env-reader.ts';
import { trustCas } from './extra-cas.ts';
import { unknownVariables } from './unknown-variables.ts';

const CAS = 'NODE_EXTRA_CA_CERTS';

export interface Environment {
  readonly env: Env;
  /** Why `.env` cannot be used, for {@link EnvReader}. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * The environment of this process, with the variables of `.env` if there is one. From now on the
 * process trusts the CAs that NODE_EXTRA_CA_CERTS names, in the environment and in `.env`.
 */
export function readEnvironment(): Environment {
  const { text, faults } = readDotEnv();
  const { env } = process;
  const named = Object.entries(parseEnv(text));
  const cas = new Set([env[CAS], Object.fromEntries(named)[CAS]]);
  for (const [name, value] of named) env[name] ??= value;
  const caFaults = [...cas].map((path) => (path ? trustCas(path) : null));
  const lines = linesOf(
    named.map(([name]) => name),
    text,
  );
  const warnings = [...unknownVariables(env, lines), ...caFaults.filter((fault) => fault !== null)];
  return { env, faults, warnings };
}

function readDotEnv(): { readonly text: string; readonly faults: readonly string[] } {
  // A container may have `/dev/null` there, to hide a file of that name.
  if (statSync('.env', { throwIfNoEntry: false })?.isCharacterDevice())
    return { text: '', faults: [] };
  try {
    return { text: readBounded('.env').toString('utf8'), faults: [] };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const isMissing = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    return { text: '', faults: isMissing ? [] : [`.env ${error.reason}: correct or remove it`] };
  }
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
