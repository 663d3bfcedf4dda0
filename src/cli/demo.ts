import { OPTIONS, readOptions, runUntilTold, USAGE } from '../demo/main.ts';
import { command, readUsage } from './command.ts';
import { EXIT } from './exit.ts';

export const run = command({
  usage: USAGE,
  options: OPTIONS,
  async run(values) {
    const passed = await runUntilTold(readUsage(() => readOptions(values)));
    return passed ? EXIT.done : EXIT.failed;
  },
});
