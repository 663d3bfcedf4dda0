import type { Call } from '../client/index.ts';
import { describeError, describeLabels, span } from './call-lines.ts';
import { command, UsageError } from './command.ts';
import { EXIT } from './exit.ts';
import { paint, printable, printableJson } from './printable.ts';
import { connect, readId } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';

const STOPPED_BY = {
  request: 'a request',
  notification: "Graph's notification",
  'track-until': 'its trackUntil',
  'owner-lost': 'the loss of its owner, which did not renew its lease',
};

export const run = command({
  usage: `Usage: callkeeper show ID [options]

Shows one call, until 24 hours after it was removed from the schedule.

  --json       print the API's object
${REMOTE_USAGE}`,
  options: { json: { type: 'boolean', default: false }, ...REMOTE },
  operand: 'id',
  async run({ json, url, timeout }, operands) {
    const [text] = operands;
    if (text === undefined || operands.length > 1)
      throw new UsageError('expected the id of one call');
    const id = readId(text);
    const call = await connect({ url, timeout }).callkeeper.get(id);
    if (call === null) {
      process.stderr.write(
        `callkeeper: ${id} is not tracked, and was not within the last 24 hours\n`,
      );
      return EXIT.unknown;
    }
    process.stdout.write(json ? `${printableJson(call, 2)}\n` : describe(call, Date.now()));
    return EXIT.done;
  },
});

function describe(call: Call, now: number): string {
  const ago = (at: string | null) => at && `${at} (${span(now - Date.parse(at))} ago)`;
  const ahead = (at: string | null) => at && `${at} (in ${span(Date.parse(at) - now)})`;
  const isTracked = call.state === 'tracked';
  const { lastError: error, resultInfo: result } = call;
  const lines: readonly [string, string | number | null | undefined][] = [
    ['id', call.id],
    ['state', call.durable ? call.state : `${call.state}, known to one replica only: Redis is out`],
    ['app', call.app],
    ['tenant', call.tenantId],
    ['owner', call.owner],
    ['labels', describeLabels(call)],
    ['webhook', call.webhookUrl],
    ['tracked', ago(call.trackedAt)],
    ['started', ago(call.startedAt)],
    ['track until', call.trackUntil],
    ['renewed', ago(call.renewedAt) ?? 'never'],
    ['due', ahead(call.dueAt)],
    ['deadline', isTracked ? ahead(call.deadlineAt) : call.deadlineAt],
    ['gone', call.goneAt && ago(call.goneAt)],
    ['stopped by', call.reason && STOPPED_BY[call.reason]],
    ['result', result && `${result.code}, ${result.subcode ?? 'no subcode'}: ${result.message}`],
    ['failures', call.consecutiveFailures],
    ['at risk', ago(call.atRiskAt)],
    ['last error', error && `${error.at} ${describeError(call)}`],
    ['request id', error?.requestId],
    ['client request id', error?.clientRequestId],
    ['diagnostic', error?.diagnostic],
    ["Graph's date", error?.date],
  ];
  const told = lines.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return told
    .map(([name, value]) => `${paint('bold', name.padEnd(18))}${printable(String(value))}\n`)
    .join('');
}
