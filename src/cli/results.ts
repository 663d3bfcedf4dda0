import { batches } from '../client/batches.ts';
import { withSeparators } from './call-lines.ts';
import { EXIT } from './exit.ts';

/** What a command prints for one id, and the exit code for it. */
export interface Result {
  readonly line: string;
  readonly exit: number;
}

/** Prints results as they come. The first id that was refused decides the exit code. */
export class Results {
  readonly #total: number;
  #done = 0;
  #first = { at: Number.POSITIVE_INFINITY, exit: EXIT.done as number };

  constructor(total: number) {
    this.#total = total;
  }

  get exit(): number {
    return this.#first.exit;
  }

  /** @param at the place of the id in the list */
  print(at: number, { line, exit }: Result): void {
    this.#done++;
    process.stdout.write(`${line}\n`);
    if (exit !== EXIT.done && at < this.#first.at) this.#first = { at, exit };
  }

  /** Runs the work; if it fails, says how many ids were done before that. */
  async of(work: Promise<unknown>): Promise<number> {
    try {
      await work;
      return this.exit;
    } catch (error) {
      const [done, total] = [this.#done, this.#total].map(withSeparators);
      if (this.#done > 0) process.stderr.write(`callkeeper: ${done} of ${total} ids are done\n`);
      throw error;
    }
  }
}

/** Sends the items in batches, one after another, and prints the results of each. */
export async function inBatches<T, R>(
  items: readonly T[],
  send: (batch: readonly T[]) => Promise<readonly R[]>,
  toResult: (answer: R) => Result,
): Promise<number> {
  const results = new Results(items.length);
  const sendAll = async () => {
    let at = 0;
    for await (const batch of batches(items)) {
      for (const answer of await send(batch)) results.print(at++, toResult(answer));
    }
  };
  return await results.of(sendAll());
}
