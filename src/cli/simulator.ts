import { OPTIONS, readOptions, runSimulator, USAGE } from '../simulator/main.ts';
import { command, readUsage } from './command.ts';

export const run = command({
  usage: USAGE,
  options: OPTIONS,
  async run(values) {
    await runSimulator(
      readUsage(() => readOptions(values)),
      values.directory,
    );
    return null;
  },
});
