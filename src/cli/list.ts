import { type Column, callLine, headingOf } from './call-lines.ts';
import { command, UsageError } from './command.ts';
import { EXIT } from './exit.ts';
import { paint, printableJson } from './printable.ts';
import { connect, readOwner } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';

const STATES = ['tracked', 'ended', 'expired', 'untracked'] as const;
/** As many as a page may hold. */
const PAGE = 1_000;
const COLUMNS: Column[] = ['id', 'state', 'app', 'renewed', 'deadline', 'failed', 'more'];

export const run = command({
  usage: `Usage: callkeeper list [options]

All calls, over all pages, in no order that means anything.

  --state S    ${STATES.join(', ')} (tracked)
  --app NAME   those of this app
  --owner NAME only calls of this owner
  --label L    with this label, key or key=value; may be repeated, all must hold
  --failing    those whose last keepAlive failed
  --json       a JSON object a line
${REMOTE_USAGE}`,
  options: {
    state: { type: 'string', default: 'tracked' },
    app: { type: 'string' },
    owner: { type: 'string' },
    label: { type: 'string', multiple: true },
    failing: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    ...REMOTE,
  },
  async run({ state, app, owner, label, failing, json, url, timeout }) {
    const wanted = STATES.find((one) => one === state);
    if (!wanted) throw new UsageError(`--state: expected one of ${STATES.join(', ')}`);
    const ofOwner = owner === undefined ? undefined : readOwner(owner);
    const query = { state: wanted, app, owner: ofOwner, label, limit: PAGE };
    const { callkeeper } = connect({ url, timeout });
    let count = 0;
    for await (const call of callkeeper.list(query)) {
      if (failing && call.consecutiveFailures === 0) continue;
      if (count++ === 0 && !json) process.stdout.write(`${paint('bold', headingOf(COLUMNS))}\n`);
      process.stdout.write(`${json ? printableJson(call) : callLine(call, Date.now(), COLUMNS)}\n`);
    }
    if (!json) process.stderr.write(`${count} ${count === 1 ? 'call' : 'calls'}\n`);
    return EXIT.done;
  },
});
