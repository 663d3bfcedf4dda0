import {
  type Call,
  type Callkeeper,
  CallkeeperError,
  type RequestOptions,
  type TrackItem,
} from '../client/index.ts';
import { EXIT } from './exit.ts';
import { printable, printableJson } from './printable.ts';
import { describeRefusal } from './remote.ts';
import { type Result, Results } from './results.ts';

const AT_ONCE = 16;

type Client = Pick<Callkeeper, 'track'>;

/** Tracks calls and prints the outcome of the first keepAlive of each, as they come in. */
export async function trackAndWait(
  callkeeper: Client,
  items: readonly TrackItem[],
  isJson: boolean,
): Promise<number> {
  const results = new Results(items.length);
  const failing = new AbortController();
  const { signal } = failing;
  const waiting = items.entries();
  const trackOneByOne = async () => {
    for (const [at, item] of waiting) {
      results.print(at, await trackOne(callkeeper, item, isJson, { signal }));
    }
  };
  const workers = Array.from({ length: AT_ONCE }, () =>
    trackOneByOne().catch((error: unknown) => failing.abort(error)),
  );
  // The first failure ends the other requests, and is the reason of the signal.
  return await results.of(Promise.all(workers).then(() => signal.throwIfAborted()));
}

async function trackOne(
  callkeeper: Client,
  { id, ...body }: TrackItem,
  isJson: boolean,
  options: RequestOptions,
): Promise<Result> {
  try {
    const call = await callkeeper.track(id, body, { wait: true, ...options });
    const isRenewed = call.state === 'tracked' && call.renewedAt !== null && !call.lastError;
    const line = isJson ? printableJson(call) : printable(`${call.id}  ${describe(call)}`);
    return { line, exit: isRenewed ? EXIT.done : EXIT.failed };
  } catch (error) {
    if (!(error instanceof CallkeeperError)) throw error;
    // Without a valid key, or from a server that is not Callkeeper, all others would fail too.
    if (error.status === 401 || error.problem === null) throw error;
    const { message = '', exit = EXIT.failed } = describeRefusal(error) ?? {};
    const told = { id, error: error.problem ?? message };
    const detail = error.problem?.detail ?? message;
    const line = isJson ? printableJson(told) : `${id}  refused: ${detail}`;
    return { line: printable(line), exit };
  }
}

function describe({ state, renewedAt, lastError, neverRenewed }: Call): string {
  if (neverRenewed) {
    return 'not tracked: Graph does not know this id. Is the id, the tenant or the cloud wrong?';
  }
  if (state !== 'tracked') return `not tracked: ${state}`;
  if (lastError) {
    const { status, code, message } = lastError;
    const what = [status, code].filter((part) => part !== null).join(' ');
    return `tracked; the last keepAlive failed: ${what}: ${message}`;
  }
  return renewedAt === null
    ? 'tracked; no outcome of the first keepAlive yet'
    : 'tracked and renewed';
}
