import { type Callkeeper, CallkeeperError } from '../client/index.ts';
import { command } from './command.ts';
import { EXIT } from './exit.ts';
import { readIds } from './ids.ts';
import { printable, printableJson } from './printable.ts';
import { connect, describeRefusal } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';

/** Concurrent requests; each call needs one. */
const AT_ONCE = 16;

export const run = command({
  usage: `Usage: callkeeper untrack ID… [options]

Stops keeping calls alive. It is no error if a call is not tracked. - reads ids from standard
input, separated by spaces or line ends.

  --json       one JSON object per call: { "id", "durable" } or { "id", "error" }
${REMOTE_USAGE}`,
  options: { json: { type: 'boolean', default: false }, ...REMOTE },
  operand: 'id',
  async run({ json, url, timeout }, operands) {
    const ids = await readIds(operands);
    const { callkeeper } = connect({ url, timeout });
    let exit: number = EXIT.done;
    for (let i = 0; i < ids.length; i += AT_ONCE) {
      const some = ids.slice(i, i + AT_ONCE);
      for (const result of await Promise.all(some.map((id) => stop(callkeeper, id)))) {
        const { exit: own, ...told } = result;
        if (exit === EXIT.done) exit = own;
        process.stdout.write(`${json ? printableJson(told) : describe(told)}\n`);
      }
    }
    return exit;
  },
});

interface Told {
  readonly id: string;
  readonly durable?: boolean;
  readonly error?: string;
}

/** A refusal that concerns only one call does not stop the others. */
async function stop(callkeeper: Callkeeper, id: string): Promise<Told & { exit: number }> {
  try {
    return { id, ...(await callkeeper.untrack(id)), exit: EXIT.done };
  } catch (error) {
    // Without a valid key, all other requests would fail too.
    if (!(error instanceof CallkeeperError) || error.status === 401) throw error;
    const refusal = describeRefusal(error);
    return { id, error: refusal?.message ?? '', exit: refusal?.exit ?? EXIT.failed };
  }
}

function describe({ id, durable, error }: Told): string {
  if (error !== undefined) return printable(`${id}  refused: ${error}`);
  return `${id}  ${durable ? 'not tracked any more' : 'stopped by one replica, which stores this when Redis is back'}`;
}
