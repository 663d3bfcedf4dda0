import process from 'node:process';
import { Bot } from '../demo/bot.ts';
import { OPTIONS, readOptions, readReplicas, runSimulator, USAGE } from '../simulator/main.ts';
import { command, readUsage } from './command.ts';

export const run = command({
  usage: USAGE,
  options: OPTIONS,
  async run(values) {
    const options = readUsage(() => readOptions(values));
    const replicas = readUsage(() => readReplicas(values.bot));
    const graph = await runSimulator(options, values.directory);
    if (replicas.length === 0) return null;
    const bot = new Bot({ graph, replicas, random: Math.random, onHangUp: () => undefined });
    const stop = () => bot.stop();
    process.once('SIGINT', stop).once('SIGTERM', stop);
    void bot.run();
    return null;
  },
});
