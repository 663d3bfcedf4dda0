import { CallkeeperError, type UntrackResult } from '../client/index.ts';
import { command } from './command.ts';
import { EXIT } from './exit.ts';
import { readIds } from './ids.ts';
import { printable, printableJson } from './printable.ts';
import { connect, describeRefusal } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';
import { inBatches, type Result } from './results.ts';

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
    return await inBatches(
      ids,
      (batch) => callkeeper.untrackAll(batch),
      (answer) => toResult(answer, json),
    );
  },
});

function toResult({ id, status, error }: UntrackResult, isJson: boolean): Result {
  const refusal = error ? describeRefusal(new CallkeeperError(status, error, '')) : null;
  if (refusal) {
    const { message, exit } = refusal;
    const line = isJson ? printableJson({ id, error: message }) : `${id}  refused: ${message}`;
    return { line: printable(line), exit };
  }
  const durable = status !== 202;
  const line = isJson ? printableJson({ id, durable }) : `${id}  ${describe(durable)}`;
  return { line: printable(line), exit: EXIT.done };
}

function describe(durable: boolean): string {
  return durable
    ? 'not tracked any more'
    : 'stopped by one replica, which stores this when Redis is back';
}
