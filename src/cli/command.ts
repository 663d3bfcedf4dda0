import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { nearest } from '../config/did-you-mean.ts';

/** What was asked for is not as it should be; the message says how. */
export class UsageError extends Error {
  readonly code = 'USAGE';
}

/** Resolves with the exit code; null: the process goes on, and sets it by itself. */
export type Command = (args: readonly string[]) => Promise<number | null>;

type Options = ParseArgsOptionsConfig;
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true }>
>['values'];

export interface CommandOptions<O extends Options> {
  /** What `--help` prints; a function if it has to be made. */
  readonly usage: string | (() => Promise<string>);
  readonly options: O;
  /** What its arguments are, in the singular; none are taken without. */
  readonly operand?: string;
  run(values: Values<O>, operands: readonly string[]): Promise<number | null>;
}

/**
 * A command from its options: with `--help`, and with an error that names what was
 * most likely meant.
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
    // Of what is left, in Node's words: a value that is missing, or is one too many.
    throw new UsageError((error as Error).message.split('\n')[0], { cause: error });
  }
}

function unknownOption(given: string, names: readonly string[]): string {
  const near = nearest(given.replace(/^-+/, ''), names);
  return `there is no option ${given}${near === null ? '' : `; did you mean --${near}?`}`;
}

/** What is read of options, whose faults are then those of the usage. */
export function readUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
