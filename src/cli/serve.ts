import { command } from './command.ts';

export const run = command({
  usage: `Usage: callkeeper [serve]

One replica, from the environment and .env. docs/configuration.md lists the variables; callkeeper check
tells whether they will do. Exit codes: 0 stopped as asked, 1 it could not go on, 2 the
environment is not usable.
`,
  options: {},
  async run() {
    await import('../main.ts');
    return null;
  },
});
