import { type Call, type Callkeeper, CallkeeperError, type TrackItem } from '../client/index.ts';
import { EXIT } from './exit.ts';
import { printable, printableJson } from './printable.ts';
import { describeRefusal } from './remote.ts';

const AT_ONCE = 16;

/** Tracks calls and prints the outcome of the first keepAlive of each, as they come in. */
export async function trackAndWait(
  callkeeper: Pick<Callkeeper, 'track'>,
  items: readonly TrackItem[],
  isJson: boolean,
): Promise<number> {
  let exit: number = EXIT.done;
  const waiting = items.values();
  const trackOneByOne = async () => {
    for (const item of waiting) {
      const { line, exit: own } = await trackOne(callkeeper, item, isJson);
      process.stdout.write(`${line}\n`);
      if (exit === EXIT.done) exit = own;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, trackOneByOne));
  return exit;
}

async function trackOne(
  callkeeper: Pick<Callkeeper, 'track'>,
  { id, ...body }: TrackItem,
  isJson: boolean,
): Promise<{ readonly line: string; readonly exit: number }> {
  try {
    const call = await callkeeper.track(id, body, { wait: true });
    const isRenewed = call.state === 'tracked' && call.renewedAt !== null && !call.lastError;
    const line = isJson ? printableJson(call) : printable(`${call.id}  ${describe(call)}`);
    return { line, exit: isRenewed ? EXIT.done : EXIT.failed };
  } catch (error) {
    // Any other refusal holds for all calls.
    const isOfCall = error instanceof CallkeeperError && [400, 403].includes(error.status);
    if (!isOfCall || error.problem === null) throw error;
    const { detail } = error.problem;
    const line = isJson ? printableJson({ id, error: error.problem }) : `${id}  refused: ${detail}`;
    return { line: printable(line), exit: describeRefusal(error)?.exit ?? EXIT.failed };
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
