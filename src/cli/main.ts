import { nearest } from '../config/did-you-mean.ts';
import { printableLines } from '../log/printable.ts';
import { onLauncherGone } from '../platform/processes.ts';
import { readVersion } from '../platform/version.ts';
import { type Command, UsageError } from './command.ts';
import { endSoon, surviveReader } from './ending.ts';
import { EXIT } from './exit.ts';

const USAGE = `Usage: callkeeper [command] [options]

Keeps Microsoft Teams calls of bots alive on Microsoft Graph.

  serve       runs one replica, from the environment and .env (the default)
  check       checks the environment, Redis, Entra and Graph, and says what to correct

  list        lists the calls
  show        shows one call
  track       keeps calls alive
  untrack     stops keeping calls alive
  owners      lists the owners of calls and their leases, or shows one of them
  watch       shows live what happens
  health      checks whether a replica is alive or ready, for probes

  simulator   runs a simulated Graph and Entra, to try a bot against
  demo        runs two replicas, a simulated Graph and simulated bots

  --help      this text; after a command, its options
  --version
`;

/** Each command loads only its own modules. */
const COMMANDS: Readonly<Record<string, () => Promise<{ run: Command }>>> = {
  serve: () => import('./serve.ts'),
  check: () => import('./check.ts'),
  list: () => import('./list.ts'),
  show: () => import('./show.ts'),
  track: () => import('./track.ts'),
  untrack: () => import('./untrack.ts'),
  owners: () => import('./owners.ts'),
  watch: () => import('./watch.ts'),
  health: () => import('./health.ts'),
  simulator: () => import('./simulator.ts'),
  demo: () => import('./demo.ts'),
};

/** Runs a command, and ends the process with its exit code. */
export async function main(args: readonly string[]): Promise<void> {
  surviveReader();
  onLauncherGone(() => process.kill(process.pid, 'SIGTERM'));
  const [name = 'serve', ...rest] = args;
  const exit = await run(name, rest).catch((error: unknown) => tell(error, name));
  if (exit !== null) endSoon(exit);
}

/** Resolves with the exit code; null: the process goes on and sets it itself. */
async function run(name: string, rest: readonly string[]): Promise<number | null> {
  if (name === '--version') return print(`${readVersion()}\n`);
  if (name === 'help' && rest[0] !== undefined) return await (await load(rest[0]))(['--help']);
  if (name === '--help' || name === '-h' || name === 'help') return print(USAGE);
  return await (await load(name))(rest);
}

async function load(name: string): Promise<Command> {
  if (Object.hasOwn(COMMANDS, name)) {
    const module = await COMMANDS[name]?.();
    if (module) return module.run;
  }
  const near = nearest(name, Object.keys(COMMANDS));
  const hint = near === null ? '' : `; did you mean ${near}?`;
  throw new UsageError(`there is no command ${name}${hint}`);
}

async function tell(error: unknown, name: string): Promise<number> {
  if (error instanceof UsageError) {
    const help = Object.hasOwn(COMMANDS, name) ? `callkeeper ${name} --help` : 'callkeeper --help';
    return complain(`${error.message}\nFor help, run ${help}.`, EXIT.usage);
  }
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'CONFIG') return complain(String(message), EXIT.usage);
  const { describeRefusal } = await import('./remote.ts');
  const refusal = describeRefusal(error);
  if (refusal) return complain(refusal.message, refusal.exit);
  return complain(String(message ?? error), EXIT.failed);
}

/** A message may have several lines, but no other control characters. */
function complain(message: string, exit: number): number {
  process.stderr.write(`callkeeper: ${printableLines(message)}\n`);
  return exit;
}

function print(text: string): number {
  process.stdout.write(text);
  return EXIT.done;
}
