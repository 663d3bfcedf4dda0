import type { Callkeeper } from '../client/index.ts';
import { count, REMOVED, TRACKED, withSeparators } from './call-lines.ts';
import { byDeadline, CAUSES, Causes, isFailing } from './causes.ts';
import { command, UsageError } from './command.ts';
import { EXIT } from './exit.ts';
import { Nearest } from './nearest.ts';
import { Output } from './output.ts';
import { connect, readOwner } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';

const STATES = ['tracked', 'ended', 'expired', 'untracked'] as const;
const PAGE = 1_000;

export const run = command({
  usage: `Usage: callkeeper list [options]

Lists all calls, over all pages, in no particular order.

  --state S    ${STATES.join(', ')} (tracked)
  --app NAME   only calls of this app
  --owner NAME only calls of this owner
  --label L    only calls with this label, key or key=value; may be repeated: all must match
  --failing    only calls whose last keepAlive failed
  --by error   one line for each cause of failures, the one with most calls first
  --sort deadline
               the nearest deadline first
  --limit N    at most N lines; the total below counts all
  --json       one JSON object per line
${REMOTE_USAGE}`,
  options: {
    state: { type: 'string', default: 'tracked' },
    app: { type: 'string' },
    owner: { type: 'string' },
    label: { type: 'string', multiple: true },
    failing: { type: 'boolean', default: false },
    by: { type: 'string' },
    sort: { type: 'string' },
    limit: { type: 'string' },
    json: { type: 'boolean', default: false },
    ...REMOTE,
  },
  endsWithReader: true,
  async run({ app, owner, label, failing, json, url, timeout, ...values }) {
    const state = oneOf('--state', values.state, STATES);
    const by = values.by === undefined ? null : oneOf('--by', values.by, ['error']);
    const sort = values.sort === undefined ? null : oneOf('--sort', values.sort, ['deadline']);
    const asked = { state, failing, isSorted: sort !== null, limit: readLimit(values.limit), json };
    const ofOwner = owner === undefined ? undefined : readOwner(owner);
    const { callkeeper } = connect({ url, timeout });
    const calls = callkeeper.list({ state, app, owner: ofOwner, label, limit: PAGE });
    const total = await (by === null ? listCalls(calls, asked) : listCauses(calls, asked));
    if (!json) process.stderr.write(`${total}\n`);
    return EXIT.done;
  },
});

type Calls = ReturnType<Callkeeper['list']>;

interface Asked {
  readonly state: (typeof STATES)[number];
  readonly failing: boolean;
  readonly isSorted: boolean;
  readonly limit: number;
  readonly json: boolean;
}

/** Prints the calls. Resolves with the line below them. */
async function listCalls(calls: Calls, asked: Asked): Promise<string> {
  const { state, failing, isSorted, limit, json } = asked;
  const output = new Output(state === 'tracked' ? TRACKED : REMOVED, { json });
  let total = 0;
  let matching = 0;
  const nearest = new Nearest(limit);
  for await (const call of calls) {
    total++;
    if (failing && !isFailing(call)) continue;
    matching++;
    if (isSorted) nearest.add(call);
    else if (matching <= limit) output.add(call);
  }
  output.end();
  output.write(nearest.all);
  const noun = failing ? 'failing call' : 'call';
  const shown = matching > limit ? `${withSeparators(limit)} of ` : '';
  return `${shown}${count(matching, noun)}${failing ? inAll(total) : ''}`;
}

/** Prints the causes. Resolves with the line below them. */
async function listCauses(calls: Calls, { isSorted, limit, json }: Asked): Promise<string> {
  const causes = new Causes();
  let total = 0;
  for await (const call of calls) {
    total++;
    causes.add(call);
  }
  const { all } = causes;
  const sorted = isSorted ? all.toSorted(byDeadline) : all;
  new Output(CAUSES, { json }).write(sorted.slice(0, limit));
  const shown = all.length > limit ? `${withSeparators(limit)} of ` : '';
  const why = `${shown}${count(all.length, 'cause')}`;
  return `${why}: ${count(causes.calls, 'failing call')}${inAll(total)}`;
}

function inAll(total: number): string {
  return `, of ${withSeparators(total)} in all`;
}

/** @throws UsageError */
function oneOf<const T extends string>(name: string, given: string, known: readonly T[]): T {
  const found = known.find((one) => one === given);
  if (found !== undefined) return found;
  const expected = known.length === 1 ? known[0] : `one of ${known.join(', ')}`;
  throw new UsageError(`${name}: expected ${expected}, got ${JSON.stringify(given)}`);
}

/** @throws UsageError */
function readLimit(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--limit: expected a whole number from 1, got ${JSON.stringify(text)}`);
}
