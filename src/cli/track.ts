import type { TrackBody, TrackResult } from '../client/index.ts';
import { CallkeeperError } from '../client/index.ts';
import { command, UsageError } from './command.ts';
import { EXIT } from './exit.ts';
import { readIds } from './ids.ts';
import { printable, printableJson } from './printable.ts';
import { connect, describeRefusal, readOwner } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';
import { inBatches } from './results.ts';
import { trackAndWait } from './track-and-wait.ts';

export const run = command({
  usage: `Usage: callkeeper track ID… [options]

Keeps calls alive from now on. If a call is already tracked, only the fields that an option names change.
- reads ids from standard input, separated by spaces or line ends.

  --app NAME           the app of the calls; default: the default app
  --owner NAME         the bot that owns the calls: if it does not renew its lease, they are stopped
  --tenant-id GUID     the tenant of the calls; default: the app's own
  --started-at TIME    when they began, such as 2026-02-03T04:05:06Z
  --track-until TIME   when to stop by itself
  --label KEY=VALUE    labels to find them by; may be repeated; replaces all labels of a call
  --webhook-url URL    where to post the events of the calls
  --clear NAME         reset to the default: app, owner, tenant-id, started-at, track-until, label
                       or webhook-url; may be repeated
  --wait               wait for each call's first keepAlive, and print its outcome; the exit code
                       is 1 if one was not renewed
  --json               print the API's objects, one per line
${REMOTE_USAGE}`,
  options: {
    app: { type: 'string' },
    owner: { type: 'string' },
    'tenant-id': { type: 'string' },
    'started-at': { type: 'string' },
    'track-until': { type: 'string' },
    label: { type: 'string', multiple: true },
    'webhook-url': { type: 'string' },
    clear: { type: 'string', multiple: true },
    wait: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    ...REMOTE,
  },
  operand: 'id',
  async run(values, operands) {
    const body: TrackBody = {
      app: values.app,
      owner: values.owner === undefined ? undefined : readOwner(values.owner),
      tenantId: values['tenant-id'],
      startedAt: values['started-at'],
      trackUntil: values['track-until'],
      labels: values.label && readLabels(values.label),
      webhookUrl: values['webhook-url'],
      ...readCleared(values),
    };
    const ids = await readIds(operands);
    const items = ids.map((id) => ({ id, ...body }));
    const { callkeeper } = connect(values);
    if (values.wait) return trackAndWait(callkeeper, items, values.json);
    return await inBatches(
      items,
      (batch) => callkeeper.trackAll(batch),
      (result) => ({
        line: values.json ? printableJson(result) : describe(result),
        exit: exitOf(result),
      }),
    );
  },
});

const FIELDS = {
  app: 'app',
  owner: 'owner',
  'tenant-id': 'tenantId',
  'started-at': 'startedAt',
  'track-until': 'trackUntil',
  label: 'labels',
  'webhook-url': 'webhookUrl',
} as const satisfies Record<string, keyof TrackBody>;

type Name = keyof typeof FIELDS;

/** @throws UsageError */
function readCleared(
  values: { readonly [name in Name]?: unknown } & {
    readonly clear?: readonly string[] | undefined;
  },
): { [field in (typeof FIELDS)[Name]]?: null } {
  const names = Object.keys(FIELDS) as Name[];
  const cleared = (values.clear ?? []).map((given) => {
    const name = names.find((one) => one === given);
    if (name === undefined) {
      const expected = names.join(', ');
      throw new UsageError(`--clear: expected one of ${expected}, got ${JSON.stringify(given)}`);
    }
    if (values[name] !== undefined) throw new UsageError(`--clear ${name} contradicts --${name}`);
    return [FIELDS[name], null];
  });
  return Object.fromEntries(cleared);
}

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
  200: 'tracked already',
  201: 'tracked',
  202: 'tracked by one replica, which stores this when Redis is back',
};

function describe({ id, status, error }: TrackResult): string {
  const said = error ? `refused: ${error.detail}` : (DONE[status] ?? String(status));
  return printable(`${id}  ${said}`);
}

function exitOf({ status, error }: TrackResult): number {
  if (!error) return EXIT.done;
  return describeRefusal(new CallkeeperError(status, error, ''))?.exit ?? EXIT.failed;
}
