import process from 'node:process';
import { AnyReplica } from '../demo/any-replica.ts';
import { Bot } from '../demo/bot.ts';
import { PhoneSystem } from '../demo/phone-system.ts';
import { OPTIONS, readOptions, readReplicas, runSimulator, USAGE } from '../simulator/main.ts';
import { command, readUsage } from './command.ts';

export const run = command({
  usage: USAGE,
  options: OPTIONS,
  endsWithReader: true,
  async run(values) {
    const options = readUsage(() => readOptions(values));
    const replicas = readUsage(() => readReplicas(values.bot));
    const simulator = await runSimulator(options, values.directory);
    if (replicas.length === 0) return null;
    const bot = new Bot({
      name: 'bot-1',
      graph: new PhoneSystem(simulator),
      callkeeper: new AnyReplica(replicas, Math.random),
      promised: { give: () => undefined, release: () => undefined },
      random: Math.random,
      onHangUp: () => undefined,
      onNews: () => undefined,
    });
    const stop = () => void bot.stop();
    process.once('SIGINT', stop).once('SIGTERM', stop);
    bot.start();
    return null;
  },
});
