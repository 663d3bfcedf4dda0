import type { TrackBody, TrackResult } from '../client/index.ts';
import { CallkeeperError } from '../client/index.ts';
import { command, UsageError } from './command.ts';
import { EXIT } from './exit.ts';
import { readIds } from './ids.ts';
import { printable, printableJson } from './printable.ts';
import { connect, describeRefusal } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';

export const run = command({
  usage: `Usage: callkeeper track ID… [options]

Keeps calls alive from now on; those tracked already are updated. - reads ids from standard
input, with space or ends of lines between them.

  --app NAME           whose calls they are, by default the default app's
  --tenant-id GUID     of the calls, by default the app's own
  --started-at TIME    when they began, as 2026-02-03T04:05:06Z
  --track-until TIME   stop then
  --label KEY=VALUE    to find them by; may be repeated
  --webhook-url URL    told of endings and risks
  --json               a JSON object a call, as the API answers
${REMOTE_USAGE}`,
  options: {
    app: { type: 'string' },
    'tenant-id': { type: 'string' },
    'started-at': { type: 'string' },
    'track-until': { type: 'string' },
    label: { type: 'string', multiple: true },
    'webhook-url': { type: 'string' },
    json: { type: 'boolean', default: false },
    ...REMOTE,
  },
  operand: 'id',
  async run(values, operands) {
    const body: TrackBody = {
      app: values.app,
      tenantId: values['tenant-id'],
      startedAt: values['started-at'],
      trackUntil: values['track-until'],
      labels: values.label && readLabels(values.label),
      webhookUrl: values['webhook-url'],
    };
    const ids = await readIds(operands);
    const items = ids.map((id) => ({ id, ...body }));
    const results = await connect(values).callkeeper.trackAll(items);
    let exit: number = EXIT.done;
    for (const result of results) {
      process.stdout.write(`${values.json ? printableJson(result) : describe(result)}\n`);
      if (exit === EXIT.done) exit = exitOf(result);
    }
    return exit;
  },
});

/** @throws UsageError */
function readLabels(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new UsageError(`--label: expected key=value, got ${JSON.stringify(text)}`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

const DONE: Readonly<Record<number, string>> = {
  200: 'tracked already, updated',
  201: 'tracked',
  202: 'tracked by one replica: Redis is out, it is stored later',
};

function describe({ id, status, error }: TrackResult): string {
  const said = error ? `refused: ${error.detail}` : (DONE[status] ?? String(status));
  return printable(`${id}  ${said}`);
}

function exitOf({ status, error }: TrackResult): number {
  if (!error) return EXIT.done;
  return describeRefusal(new CallkeeperError(status, error, ''))?.exit ?? EXIT.failed;
}
