// A bot's calls with Callkeeper, in Node: established, tracked, hung up, stopped; and one that
// ends without the bot. Run it as docs/examples.md says; the simulator stands in Graph's place.
import { setTimeout as sleep } from 'node:timers/promises';
import { Callkeeper } from 'callkeeper/client';

const { CALLKEEPER = 'http://127.0.0.1:8080', CALLKEEPER_KEY, SIMULATOR } = process.env;
const callkeeper = new Callkeeper({ baseUrl: CALLKEEPER, apiKey: CALLKEEPER_KEY });

/** Graph's part: in a real bot these are its requests to Graph. */
const graph = {
  call: async () => (await (await fetch(`${SIMULATOR}/calls`, { method: 'POST' })).json()).id,
  end: (id) => fetch(`${SIMULATOR}/calls/${id}`, { method: 'DELETE' }),
};

/** The call is established: from now on it is kept alive. Asked again until it is taken. */
const onEstablished = (id) => callkeeper.track(id, { labels: { bot: 'example' } });
/** The bot hangs up. */
const onHangUp = (id) => callkeeper.untrack(id);
/** Tells how the call left the schedule: `ended`, `expired` or `untracked`. */
async function untilOver(id) {
  for (;;) {
    const call = await callkeeper.get(id);
    if (call?.state !== 'tracked') return call?.state ?? 'unknown';
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
