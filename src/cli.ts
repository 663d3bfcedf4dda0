#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import process from 'node:process';

const USAGE = `Usage: callkeeper [command] [options]

Keeps Microsoft Teams calls of bots alive on Microsoft Graph.

  serve       one replica, from the environment and .env (this is the default)
  simulator   a Graph and an Entra, to try a bot against
  demo        two replicas, a simulated Graph and a simulated bot at work

  --help      this; after a command, its options
  --version
`;

/** Each reads its own options, and ends the process by itself. */
const COMMANDS: Readonly<Record<string, () => Promise<unknown>>> = {
  serve: () => import('./main.ts'),
  simulator: () => import('./simulator/main.ts'),
  demo: () => import('./demo/main.ts'),
};

const [, , name = 'serve', ...options] = process.argv;

if (name === '--help' || name === 'help') process.stdout.write(USAGE);
else if (name === '--version') process.stdout.write(`${readVersion()}\n`);
else if (!Object.hasOwn(COMMANDS, name)) refuse(`there is no command ${name}`);
else if (name === 'serve' && options.includes('--help')) process.stdout.write(USAGE);
else if (name === 'serve' && options.length > 0) refuse('serve takes no options');
else {
  // The command sees its own options only.
  process.argv.splice(2, 1);
  await COMMANDS[name]?.();
}

function refuse(why: string): void {
  process.stderr.write(`callkeeper: ${why}\n\n${USAGE}`);
  process.exitCode = 2;
}

function readVersion(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}
