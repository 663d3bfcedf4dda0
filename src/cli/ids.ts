import { UsageError } from './command.ts';
import { readId } from './remote.ts';

/** Nobody means to give a longer list. */
const MOST_IDS = 1_000_000;
/** Longer than any id. A longer text is not a list of ids. */
const MOST_CHARACTERS = 256;

/**
 * The ids in their canonical form, each once. `-` means those on standard input, separated by
 * spaces or line ends. All are read before anything is done.
 *
 * @throws UsageError if one is not an id, or if there are none
 */
export async function readIds(operands: readonly string[]): Promise<string[]> {
  const ids = new Set<string>();
  const take = (text: string) => {
    if (ids.add(readId(text)).size > MOST_IDS) throw new UsageError(`more than ${MOST_IDS} ids`);
  };
  for (const operand of operands) {
    if (operand !== '-') take(operand);
    else for await (const text of words(process.stdin)) take(text);
  }
  if (operands.length === 0) throw new UsageError('expected ids of calls, or - for standard input');
  if (ids.size === 0) throw new UsageError('there is no id on standard input');
  return [...ids];
}

async function* words(input: NodeJS.ReadStream): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const parts = (rest + chunk).split(/\s+/);
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part !== '');
    if (rest.length > MOST_CHARACTERS) break;
  }
  if (rest !== '') yield rest;
}
