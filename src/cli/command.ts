import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { nearest } from '../config/did-you-mean.ts';
import { endWithReader } from './ending.ts';

/** The command or its options are invalid; the message says how. */
export class UsageError extends Error {
  readonly code = 'USAGE';
}

/** Resolves with the exit code; null: the process goes on and sets it itself. */
export type Command = (args: readonly string[]) => Promise<number | null>;

type Options = ParseArgsOptionsConfig;
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true }>
>['values'];

export interface CommandOptions<O extends Options> {
  /** What `--help` prints; a function if it has to be made. */
  readonly usage: string | (() => Promise<string>);
  readonly options: O;
  /** The name of its arguments, in the singular; without it the command takes none. */
  readonly operand?: string;
  /** The command only prints, so it ends when its reader is gone; by default, it goes on. */
  readonly endsWithReader?: boolean;
  run(values: Values<O>, operands: readonly string[]): Promise<number | null>;
}

/**
 * Makes a command that has `--help`, and whose errors suggest the option that was most likely
 * meant.
 */
export function command<const O extends Options>(described: CommandOptions<O>): Command {
  const { usage, options, operand, run } = described;
  return async (args) => {
    const [values, operands] = read({ ...options, help: HELP }, args, operand);
    if (values.help) {
      const text = typeof usage === 'string' ? usage : await usage();
      process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
      return 0;
    }
    if (described.endsWithReader) endWithReader();
    return await run(values as Values<O>, operands);
  };
}

const HELP = { type: 'boolean', short: 'h' } as const;

function read(options: Options, args: readonly string[], operand: string | undefined) {
  const loose = { args: [...args], options, allowPositionals: true, tokens: true } as const;
  for (const token of parseArgs({ ...loose, strict: false }).tokens) {
    if (token.kind === 'option' && !Object.hasOwn(options, token.name)) {
      throw new UsageError(unknownOption(token.rawName, Object.keys(options)));
    }
    if (token.kind === 'positional' && operand === undefined) {
      throw new UsageError(`expected no argument, got ${JSON.stringify(token.value)}`);
    }
  }
  try {
    const { values, positionals } = parseArgs(loose);
    return [values, positionals] as const;
  } catch (error) {
    // The remaining faults, in Node's words: a missing value, or one too many.
    throw new UsageError((error as Error).message.split('\n')[0], { cause: error });
  }
}

function unknownOption(given: string, names: readonly string[]): string {
  const near = nearest(given.replace(/^-+/, ''), names);
  return `there is no option ${given}${near === null ? '' : `; did you mean --${near}?`}`;
}

/** Turns errors of reading options into usage errors. */
export function readUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
