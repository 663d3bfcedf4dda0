import { command } from './command.ts';

const USAGE = `Usage: callkeeper [serve]        (in a clone: npm start)

Runs one replica. Its settings are variables of the environment or of .env; callkeeper check
tests them. Exit codes: 0 stopped as asked, 1 it could not go on, 2 the environment is invalid.
`;

export const run = command({
  usage: async () => {
    const { describeVariables } = await import('../config/variables-help.ts');
    return `${USAGE}\n${describeVariables()}`;
  },
  options: {},
  async run() {
    await import('../main.ts');
    return null;
  },
});
