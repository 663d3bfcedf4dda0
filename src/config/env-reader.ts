import type { Secret } from '../graph/app.ts';
import { FileError, readText } from './bounded-file.ts';
import { GUID, isPlaceholder, type UrlRule } from './checks.ts';
import { DocumentError } from './yaml-reader.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Every fault of the environment; `message` lists them, a line each. */
export class ConfigError extends Error {
  readonly code = 'CONFIG';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the environment is not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** Said of a GUID of zeros, in the environment and in APPS_FILE. */
export const PLACEHOLDER =
  'is still the placeholder, a GUID of zeros: replace it with the id that Entra shows';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Reads variables and gathers faults; what a faulty one gives is never used. */
export class EnvReader {
  readonly #env: Env;
  readonly #faults = new Set<string>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** A variable that counted once, and is a fault now: its value would be ignored in silence. */
  refuse(name: string, why: string): void {
    if (this.text(name) !== null) this.fault(`${name} is gone: ${why}. Remove the variable`);
  }

  fault(message: string): void {
    this.#faults.add(message);
  }

  throwFaults(): void {
    if (this.#faults.size > 0) throw new ConfigError([...this.#faults]);
  }

  /** An empty variable counts as unset: that is how compose files leave things out. */
  text(name: string): string | null {
    const value = this.#env[name]?.trim();
    return value ? value : null;
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    this.fault(`${name} must be a whole number from ${least} to ${most}, not ${quote(text)}`);
    return fallback;
  }

  duration(name: string, fallback: string, leastMs: number, mostMs: number): number {
    const text = this.text(name) ?? fallback;
    const match = /^(\d{1,9})(ms|s|m|h)$/.exec(text);
    const value = match ? Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN) : Number.NaN;
    if (value >= leastMs && value <= mostMs) return value;
    this.fault(
      `${name} must be a duration such as 500ms, 5s, 15m or 1h, from ${leastMs} ms to ${mostMs / 1_000} s, not ${quote(text)}`,
    );
    return Number.NaN; // of which no rule between variables holds
  }

  oneOf(name: string, values: readonly string[], fallback: string): string {
    const text = this.text(name);
    if (text === null || values.includes(text)) return text ?? fallback;
    this.fault(`${name} must be one of ${values.join(', ')}, not ${quote(text)}`);
    return fallback;
  }

  /** Like Azure Identity's switches, except that Azure Identity takes any other text for false. */
  truth(name: string): boolean {
    const text = this.text(name)?.toLowerCase() ?? 'false';
    if (!['true', '1', 'false', '0'].includes(text)) {
      this.fault(`${name} must be true or false, not ${quote(text)}`);
    }
    return text === 'true' || text === '1';
  }

  /** Of items with commas or newlines between them; of a variable that is not set none. */
  list(name: string): string[] {
    return items(this.text(name) ?? '');
  }

  /** Whether a secret is set, in place or by a file. */
  isGiven(name: string): boolean {
    return this.text(name) !== null || this.text(`${name}_FILE`) !== null;
  }

  /** A secret given in place, or by the file that NAME_FILE names, which must be there now. */
  secret(name: string): Secret | null {
    const value = this.secretText(name);
    const file = this.text(`${name}_FILE`);
    if (file !== null) return { file };
    return value === null ? null : { value };
  }

  /** Of a secret that is read once, at the start. */
  secretText(name: string): string | null {
    const value = this.text(name);
    const file = this.text(`${name}_FILE`);
    if (value !== null && file !== null) this.fault(`${name} and ${name}_FILE: give one of them`);
    return value ?? (file && this.file(`${name}_FILE`, file, null, readText));
  }

  /** A list of secrets that are read once, at the start; null where it is not set. */
  secretList(name: string): string[] | null {
    const text = this.secretText(name);
    return text === null ? null : items(text);
  }

  /** What is read of a file that a variable names; `none` where it is faulty. */
  file<T>(name: string, path: string, none: T, read: (path: string) => T): T {
    try {
      return read(path);
    } catch (error) {
      if (error instanceof DocumentError) {
        for (const fault of error.faults) this.fault(`${name}: ${fault}`);
      } else if (error instanceof FileError) {
        this.fault(`${name}: ${path} ${error.reason}`);
      } else throw error;
      return none;
    }
  }

  share(name: string, fallback: number): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const value = /^\d?\.?\d{1,17}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 0 && value <= 1) return value;
    this.fault(`${name} must be a number from 0 to 1, not ${quote(text)}`);
    return fallback;
  }

  guid(name: string): string {
    const text = this.text(name);
    if (text === null) this.fault(`${name} is not set`);
    else if (!GUID.test(text)) this.fault(`${name} must be a GUID, not ${quote(text)}`);
    else if (isPlaceholder(text)) this.fault(`${name} ${PLACEHOLDER}`);
    else return text.toLowerCase();
    return '';
  }

  /** Without slashes at its end. */
  url(name: string, fallback: string, { isRight, expected }: UrlRule): string {
    const text = this.text(name) ?? fallback;
    if (!isRight(text)) this.fault(`${name} ${expected}`);
    return text.replace(/\/+$/, '');
  }
}

function items(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Of what is no secret; bounded, and safe for a terminal. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
