import type { Callkeeper } from '../client/index.ts';
import { count } from './call-lines.ts';
import { command, UsageError } from './command.ts';
import { EXIT } from './exit.ts';
import { Output } from './output.ts';
import { describeOwner, OWNERS } from './owner-lines.ts';
import { printable, printableJson } from './printable.ts';
import { connect, readOwner } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';

const STATES = ['none', 'active', 'lapsed', 'lost'] as const;
const PAGE = 1_000;

export const run = command({
  usage: `Usage: callkeeper owners [NAME] [options]

Lists the owners that have a lease or calls. An owner is a bot that tracks calls under its own
name. If it does not renew its lease, it lapses, and after a grace period its calls are stopped.
With NAME, shows this owner, also if it was lost within the last 24 hours.

  --app NAME   only owners of this app; with NAME, the owner's app instead of the default app
  --state S    ${STATES.join(', ')}
  --drop       stops all calls of the named owner and drops its lease
  --json       one JSON object per line; with --drop { "owner", "stopped", "durable" }
${REMOTE_USAGE}`,
  options: {
    app: { type: 'string' },
    state: { type: 'string' },
    drop: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    ...REMOTE,
  },
  operand: 'name',
  endsWithReader: true,
  async run({ app, state, drop, json, ...remote }, operands) {
    const asked = { name: readName(operands), app, state: readState(state), json };
    const { name } = asked;
    if (name === null) {
      if (drop) throw new UsageError('--drop: expected the name of one owner');
      return await list(connect(remote).callkeeper, asked);
    }
    if (asked.state !== undefined) throw new UsageError('--state is for all owners, not for one');
    const ask = drop ? stop : show;
    return await ask(connect(remote).callkeeper, { ...asked, name });
  },
});

interface Asked {
  readonly name: string | null;
  readonly app: string | undefined;
  readonly state: (typeof STATES)[number] | undefined;
  readonly json: boolean;
}

type Named = Asked & { readonly name: string };

async function list(callkeeper: Callkeeper, { app, state, json }: Asked): Promise<number> {
  const output = new Output(OWNERS, { json });
  let total = 0;
  for await (const owner of callkeeper.owners({ app, state, limit: PAGE })) {
    total++;
    output.add(owner);
  }
  output.end();
  if (!json) process.stderr.write(`${count(total, 'owner')}\n`);
  return EXIT.done;
}

async function show(callkeeper: Callkeeper, { name, app, json }: Named): Promise<number> {
  const owner = await callkeeper.getOwner(name, { app });
  if (owner === null) {
    const where = app === undefined ? '' : ` in the app ${printable(app)}`;
    process.stderr.write(
      `callkeeper: ${name} has no lease and no calls${where}, and was not lost within 24 hours\n`,
    );
    return EXIT.unknown;
  }
  process.stdout.write(json ? `${printableJson(owner, 2)}\n` : describeOwner(owner, Date.now()));
  return EXIT.done;
}

/** It is no error if the owner is unknown: it has no calls to stop. */
async function stop(callkeeper: Callkeeper, { name, app, json }: Named): Promise<number> {
  const { stopped, durable } = await callkeeper.dropOwner(name, { app });
  const calls = `${count(stopped, 'call')} stopped`;
  const told = durable ? calls : `${calls} by one replica, which stores this when Redis is back`;
  const result = { owner: name, stopped, durable };
  process.stdout.write(`${json ? printableJson(result) : `${name}  ${told}`}\n`);
  return EXIT.done;
}

/** @throws UsageError */
function readName(operands: readonly string[]): string | null {
  const [text] = operands;
  if (operands.length > 1) throw new UsageError('expected the name of one owner');
  return text === undefined ? null : readOwner(text);
}

/** @throws UsageError */
function readState(given: string | undefined): Asked['state'] {
  if (given === undefined) return undefined;
  const state = STATES.find((one) => one === given);
  if (!state) throw new UsageError(`--state: expected one of ${STATES.join(', ')}`);
  return state;
}
