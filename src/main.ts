import { type Logger, pino } from 'pino';
import { ConfigError, readConfig } from './config.ts';
import { startDaemon } from './daemon.ts';
import { readEnvironment } from './environment.ts';
import { readVersion } from './version.ts';

/** Exit codes: 0 stopped as asked, 1 cannot go on, 2 the environment is not usable. */
async function main(): Promise<void> {
  const config = readConfiguration();
  if (!config) return;
  const log = pino({
    level: config.logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: withoutCommand },
  });
  process.on('uncaughtException', (err) => die(log, err));
  const version = readVersion();

  let asked = false;
  let stop: (() => Promise<void>) | null = null;
  let reloadFiles: (() => Promise<void>) | null = null;
  const onFatal = (err: Error) => {
    log.fatal({ err }, err.message);
    process.exitCode = 1;
    asked = true;
    if (stop) void end(stop, log);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && (config.appsFile || config.accessFile)) {
        // While it starts the files are fresh; what changes meanwhile is seen anyway.
        log.info({ signal }, 'reading the files anew');
        reloadFiles?.().catch((err: unknown) => die(log, err));
        return;
      }
      if (asked) process.exit(1);
      asked = true;
      log.info({ signal }, 'stopping');
      // While it starts there is nothing to stop yet: what is begun is seen through first.
      if (stop) void end(stop, log);
    });
  }
  try {
    const daemon = await startDaemon({ config, version, log, onFatal });
    stop = () => daemon.stop();
    reloadFiles = () => daemon.reloadFiles();
    const { url, metricsUrl } = daemon;
    log.info({ url, ...(metricsUrl && { metricsUrl }), version }, 'listening');
    if (asked) await end(stop, log);
  } catch (err) {
    die(log, err);
  }
}

/** What ioredis tells of an error names the command with its arguments, the password among them. */
function withoutCommand(err: Error): object {
  const { command, ...told } = pino.stdSerializers.err(err) as Record<string, unknown>;
  return told;
}

function readConfiguration() {
  try {
    return readConfig(readEnvironment());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`callkeeper: ${error.message}\n`);
    process.exitCode = 2;
    return null;
  }
}

async function end(stop: () => Promise<void>, log: Logger): Promise<void> {
  try {
    await stop();
  } catch (err) {
    log.error({ err }, 'stopping failed');
    process.exitCode ??= 1;
  }
  process.exit();
}

/** An unexpected error: the process ends, with its cause in the log, rather than go on half alive. */
function die(log: Logger, err: unknown): never {
  log.fatal({ err }, err instanceof Error ? err.message : 'unexpected error');
  process.exit(1);
}

await main();
