// Two calls of a bot with Callkeeper, in Node: the bot hangs up one, and the other ends without the
// bot. docs/examples.md says how to run it; the simulator stands in for Graph.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Callkeeper } from 'callkeeper-client';

const { CALLKEEPER_URL = 'http://127.0.0.1:8080', SIMULATOR } = process.env;
/** Its key is in CALLKEEPER_API_KEY. */
const callkeeper = new Callkeeper({ baseUrl: CALLKEEPER_URL });

/** The calls of this bot; a real bot knows more about each. */
const calls = new Set();
/**
 * This process owns its calls: if it dies, Callkeeper stops them. In a pod, the host name is the
 * name of the pod. A container that restarts keeps that name, so a random part is added.
 */
const owner = callkeeper.owner(`${hostname()}-${randomUUID().slice(0, 8)}`, {
  onError: (error) => console.error('the lease was not renewed:', error.message),
  onLost: () => owner.trackAll([...calls].map((id) => ({ id }))).catch(console.error),
});

/** Stands in for Graph: a real bot sends requests to Graph here. */
const graph = {
  call: async () => (await (await fetch(`${SIMULATOR}/calls`, { method: 'POST' })).json()).id,
  end: (id) => fetch(`${SIMULATOR}/calls/${id}`, { method: 'DELETE' }),
};

/**
 * The call is established: Callkeeper keeps it alive from now on. The client retries until it is
 * tracked.
 */
function onEstablished(id) {
  calls.add(id);
  return owner.track(id, { labels: { bot: 'example' } });
}
/** The bot hangs up. */
const onHangUp = (id) => callkeeper.untrack(id);
/**
 * The bot shuts down: Callkeeper stops its calls at once, except those that another instance has
 * already tracked under its own name. If another instance takes the calls over only later, leave
 * out `stopCalls`: it then has until the end of the lease and OWNER_GRACE.
 */
const onStop = () => owner.close({ stopCalls: true });
process.once('SIGTERM', () => onStop().finally(() => process.exit()));

/** Resolves with how the call left the schedule: `ended`, `expired` or `untracked`. */
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
