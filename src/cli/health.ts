import { readEnvironment } from '../config/environment.ts';
import { readRemoteUrls } from '../config/remote.ts';
import { command } from './command.ts';
import { limitLookups } from './ending.ts';
import { EXIT } from './exit.ts';
import { printable } from './printable.ts';
import { probe } from './probes.ts';
import { URLS } from './remote-options.ts';

/** Shorter than the time-out of probes: in the image it is 5 s. */
const LIMIT_MS = 4_000;

export const run = command({
  usage: `Usage: callkeeper health [options]

Checks whether a replica is alive, for probes. Needs no key; ends within ${LIMIT_MS / 1_000} s.

  --ready      also checks whether it is ready: Redis reachable, worker running, not stopping
  --url URL    its address, instead of CALLKEEPER_URL; may be repeated: then all must be alive
  --help       this text

Exit codes: 0 alive, 1 not alive or not reachable, 2 wrong usage.
`,
  options: { ready: { type: 'boolean', default: false }, ...URLS },
  async run({ ready, url }) {
    const urls = readRemoteUrls(readEnvironment(), url);
    limitLookups();
    const signal = AbortSignal.timeout(LIMIT_MS);
    const path = ready ? 'readyz' : 'livez';
    const answers = await Promise.all(urls.map((base) => probe(base, path, signal)));
    let exit: number = EXIT.done;
    for (const [i, answer] of answers.entries()) {
      if (answer.kind !== 'ok') exit = EXIT.failed;
      const told = {
        ok: () => (ready ? 'ready' : 'alive'),
        unready: () => `not ready: ${answer.kind === 'unready' ? answer.reasons : ''}`,
        silent: () => `not reachable: ${answer.kind === 'silent' ? answer.why : ''}`,
      }[answer.kind]();
      process.stdout.write(`${printable(`${urls[i]}  ${told}`)}\n`);
    }
    return exit;
  },
});
