// A bot's calls with Callkeeper, in Node: established, tracked, hung up, stopped; and one that
// ends without the bot. Run it as docs/examples.md says; the simulator stands in Graph's place.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Callkeeper } from 'callkeeper/client';

const { CALLKEEPER = 'http://127.0.0.1:8080', CALLKEEPER_KEY, SIMULATOR } = process.env;
const callkeeper = new Callkeeper({ baseUrl: CALLKEEPER, apiKey: CALLKEEPER_KEY });

/** The calls of this bot; a real bot has more about each. */
const calls = new Set();
/**
 * This process owns its calls: if it dies, Callkeeper stops them. In a pod the host's name is the
 * pod's; the random part is there because a container that restarts keeps it.
 */
const owner = callkeeper.owner(`${hostname()}-${randomUUID().slice(0, 8)}`, {
  onError: (error) => console.error('the lease was not renewed:', error.message),
  onLost: () => owner.trackAll([...calls].map((id) => ({ id }))).catch(console.error),
});

/** Graph's part: in a real bot these are its requests to Graph. */
const graph = {
  call: async () => (await (await fetch(`${SIMULATOR}/calls`, { method: 'POST' })).json()).id,
  end: (id) => fetch(`${SIMULATOR}/calls/${id}`, { method: 'DELETE' }),
};

/** The call is established: from now on it is kept alive. The client retries until it is. */
function onEstablished(id) {
  calls.add(id);
  return owner.track(id, { labels: { bot: 'example' } });
}
/** The bot hangs up. */
const onHangUp = (id) => callkeeper.untrack(id);
/**
 * The bot stops in an orderly way: its calls are stopped at once. Calls that another instance has
 * tracked under its own name go on. If another will do so only later, close the owner without
 * `stopCalls`: it has as long as the lease and OWNER_GRACE.
 */
const onStop = () => owner.close({ stopCalls: true });
process.once('SIGTERM', () => onStop().finally(() => process.exit()));

/** Tells how the call left the schedule: `ended`, `expired` or `untracked`. */
async function untilOver(id) {
  for (;;) {
    const call = await callkeeper.get(id);
    if (call?.state !== 'tracked') {
      calls.delete(id);
      return call?.state ?? 'unknown';
    }
    await sleep(1_000);
  }
}

const [mine, theirs] = [await graph.call(), await graph.call()];
for (const id of [mine, theirs]) console.log('tracked', (await onEstablished(id)).id);

await graph.end(mine);
await onHangUp(mine);
console.log('hung up', mine, await untilOver(mine));

await graph.end(theirs); // the others leave; nobody tells the bot
console.log('over', theirs, await untilOver(theirs));

await onStop();
