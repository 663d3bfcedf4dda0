import { setTimeout as sleep } from 'node:timers/promises';
import { CallkeeperUnreachableError } from '../client/index.ts';
import { command } from './command.ts';
import { EXIT } from './exit.ts';
import { connect, type Remote } from './remote.ts';
import { REMOTE, REMOTE_USAGE } from './remote-options.ts';
import { Lines } from './watch/lines.ts';
import { Page } from './watch/page.ts';
import { readReplicaStatus } from './watch/replica-status.ts';
import type { View } from './watch/view.ts';

/** Pause between two checks of the replicas, in ms. */
const STATUS_MS = 2_000;
/** Pause between two reads of what is wrong, in ms; the board's is as long. */
const TROUBLES_MS = 2_000;
/** Pause between two reads of all calls, in ms; longer if there are many, */
const CALLS_MS = 5_000;
/** The pause is at least this many times as long as the read took. */
const CALLS_PAUSE = 10;
const PAGE = 1_000;

interface Filter {
  readonly app: string | undefined;
  readonly label: readonly string[] | undefined;
}

export const run = command({
  usage: `Usage: callkeeper watch [options]

Shows live what happens. In a terminal it shows a page: what is wrong, in the sentences of the
board; why calls fail; the calls nearest to their deadlines; and the latest events. Otherwise, or
with --plain, it prints one line per event, and one when a trouble begins, changes or is over.
After a break it resumes after the last event. Ctrl-C ends it with exit code 0.

--app and --label do not apply to what is wrong, which is about all calls that the key may see.

  --app NAME   only calls of this app
  --label L    only calls with this label, key or key=value; may be repeated: all must match
  --plain      lines even in a terminal
${REMOTE_USAGE}`,
  options: {
    app: { type: 'string' },
    label: { type: 'string', multiple: true },
    plain: { type: 'boolean', default: false },
    ...REMOTE,
  },
  endsWithReader: true,
  async run({ app, label, plain, url, timeout }) {
    const remote = connect({ url, timeout });
    const ending = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => ending.abort());
    }
    const { stdout } = process;
    const view = stdout.isTTY && !plain ? new Page(stdout) : new Lines(stdout);
    try {
      await watch(remote, { app, label }, view, ending);
    } finally {
      view.close();
    }
    return EXIT.done;
  },
});

/** Runs until a signal; rejects if the daemon refuses, for example without a key. */
async function watch(
  remote: Remote,
  filter: Filter,
  view: View,
  ending: AbortController,
): Promise<void> {
  const { signal } = ending;
  const loops = [
    followReplicas(remote, view, signal),
    followTroubles(remote, view, signal),
    followEvents(remote, filter, view, signal),
    followCalls(remote, filter, view, signal),
  ];
  const failures: unknown[] = [];
  await Promise.all(
    loops.map((loop) =>
      loop.catch((error: unknown) => {
        // A rejection because of the end is not a failure.
        if (!signal.aborted) failures.push(error);
        ending.abort();
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}

async function followReplicas({ urls }: Remote, view: View, signal: AbortSignal): Promise<void> {
  for (;;) {
    const statuses = await Promise.all(urls.map((url) => readReplicaStatus(url, signal)));
    signal.throwIfAborted();
    view.statuses(statuses);
    await sleep(STATUS_MS, undefined, { signal });
  }
}

async function followTroubles(
  { callkeeper }: Remote,
  view: View,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await unlessUnreachable(async () => {
      view.troubles((await callkeeper.overview({ signal })).troubles);
    });
    await sleep(TROUBLES_MS, undefined, { signal });
  }
}

/** The client reopens the stream after the last event, for as long as it takes. */
async function followEvents(
  { callkeeper }: Remote,
  filter: Filter,
  view: View,
  signal: AbortSignal,
): Promise<void> {
  const patient = { signal, totalMs: Number.POSITIVE_INFINITY };
  for await (const item of callkeeper.events(filter, patient)) view.event(item);
}

async function followCalls(
  { callkeeper }: Remote,
  filter: Filter,
  view: View,
  signal: AbortSignal,
): Promise<void> {
  const { calls } = view;
  if (calls === null) return;
  for (;;) {
    const startedAt = performance.now();
    await unlessUnreachable(() =>
      calls.read(callkeeper.list({ ...filter, limit: PAGE }, { signal })),
    );
    const tookMs = performance.now() - startedAt;
    await sleep(Math.max(CALLS_MS, tookMs * CALLS_PAUSE), undefined, { signal });
  }
}

/** The state of the replicas already shows that none answers. */
async function unlessUnreachable(read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof CallkeeperUnreachableError)) throw error;
  }
}
