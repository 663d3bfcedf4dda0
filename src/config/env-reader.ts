import type { Secret } from '../graph/app.ts';
import { FileError, readDocument } from './bounded-file.ts';
import { ValueError } from './parsers.ts';
import { type SecretName, type Value, type VariableName, variable } from './table.ts';
import { DocumentError } from './yaml-reader.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** All faults of the environment, one per line. */
export class ConfigError extends Error {
  readonly code = 'CONFIG';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the environment is not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

type Name = VariableName | `${SecretName}_FILE`;

/** Reads variables by their table and collects faults; an invalid value is never used. */
export class EnvReader {
  readonly #env: Env;
  readonly #faults: Set<string>;
  readonly #documents = new Map<string, string>();

  /** @param faults that were found before */
  constructor(env: Env, faults: readonly string[] = []) {
    this.#env = env;
    this.#faults = new Set(faults);
  }

  get<N extends VariableName>(name: N): Value<N> {
    const { parser, default: fallback, secret } = variable(name);
    const given = secret ? this.secretText(name as SecretName) : this.text(name);
    const text = given ?? fallback;
    if (text === null) return null as Value<N>;
    try {
      return parser.parse(text) as Value<N>;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      for (const fault of error.faults) this.fault(this.#about(name, fault));
      if ('invalid' in parser) return parser.invalid as Value<N>;
      return (fallback === null ? null : parser.parse(fallback)) as Value<N>;
    }
  }

  /** A variable whose absence is a fault. */
  required(name: 'AZURE_TENANT_ID' | 'AZURE_CLIENT_ID' | EntraApp): string {
    if (this.text(name) === null) this.fault(`${name} is not set`);
    return this.get(name) ?? '';
  }

  /** A variable that is no longer supported: its value would be ignored in silence. */
  refuse(name: string, why: string): void {
    if (this.#env[name]?.trim()) this.fault(`${name} is gone: ${why}. Remove the variable`);
  }

  fault(message: string): void {
    this.#faults.add(message);
  }

  throwFaults(): void {
    if (this.#faults.size > 0) throw new ConfigError([...this.#faults]);
  }

  /** An empty variable counts as unset: that is how compose files leave things out. */
  text(name: Name): string | null {
    const value = this.#env[this.#given(name)]?.trim();
    return value ? value : null;
  }

  /** The fault with the name of its source in front: the variable, or the variable of its file. */
  #about(name: VariableName, fault: string): string {
    const isInFile = variable(name).secret === true && this.text(name) === null;
    const source = isInFile ? fileOf(name) : this.#given(name);
    if (fault.startsWith(':')) return `${source}${fault}`;
    return isInFile ? `${source}: ${fault}` : `${source} ${fault}`;
  }

  #given(name: Name): string {
    if (this.#env[name]?.trim() || name.endsWith('_FILE')) return name;
    return variable(name as VariableName).lowerCaseToo && this.#env[name.toLowerCase()]?.trim()
      ? name.toLowerCase()
      : name;
  }

  /** Whether a variable is set, in place or by a file. */
  isGiven(name: VariableName): boolean {
    const { secret } = variable(name);
    return this.text(name) !== null || (secret === true && this.text(fileOf(name)) !== null);
  }

  /** A secret given in place, or by the file that NAME_FILE names, which must exist. */
  secret(name: SecretName): Secret | null {
    const value = this.secretText(name);
    const file = this.text(`${name}_FILE`);
    if (file !== null) return { file };
    return value === null ? null : { value };
  }

  secretText(name: SecretName): string | null {
    const value = this.text(name);
    const file = this.text(`${name}_FILE`);
    if (value !== null && file !== null) this.fault(`${name} and ${name}_FILE: give one of them`);
    return value ?? this.secretFile(name)?.text.trim() ?? null;
  }

  /** The file of a secret. It may change at any time, so it is read only once. */
  secretFile(name: SecretName): { readonly path: string; readonly text: string } | null {
    const path = this.text(`${name}_FILE`);
    if (path === null) return null;
    const known = this.#documents.get(path);
    const text = known ?? this.file(`${name}_FILE`, path, null, readDocument);
    if (text === null) return null;
    this.#documents.set(path, text);
    return { path, text };
  }

  /** The content of a file that a variable names; `none` if it is faulty. */
  file<T>(name: Name, path: string, none: T, read: (path: string) => T): T {
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
}

type EntraApp = 'REDIS_ENTRA_TENANT_ID' | 'REDIS_ENTRA_CLIENT_ID';

function fileOf(name: VariableName): `${SecretName}_FILE` {
  return `${name as SecretName}_FILE`;
}
