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
/** Pause between two reads of all calls; see {@link CALLS_PAUSE}. */
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

Shows live what happens. In a terminal it shows a page with the calls nearest to their deadlines,
the failing calls and the latest events; otherwise, or with --plain, one line per event. After a
break it resumes after the last event. Ctrl-C ends it with exit code 0.

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
  if (view.calls === null) return;
  for (;;) {
    const startedAt = performance.now();
    try {
      await view.calls.read(callkeeper.list({ ...filter, limit: PAGE }, { signal }));
    } catch (error) {
      // The state of the replicas already shows it.
      if (!(error instanceof CallkeeperUnreachableError)) throw error;
    }
    const tookMs = performance.now() - startedAt;
    await sleep(Math.max(CALLS_MS, tookMs * CALLS_PAUSE), undefined, { signal });
  }
}
