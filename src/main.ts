import { ConfigError, readConfig } from './config.ts';
import { startDaemon } from './daemon.ts';
import { readEnvironment } from './environment.ts';
import { type Log, openLog } from './log.ts';
import { readVersion } from './version.ts';

/** Exit codes: 0 stopped as asked, 1 cannot go on, 2 the environment is not usable. */
async function main(): Promise<void> {
  const config = readConfiguration();
  if (!config) return;
  const opened = openLog(config.logLevel);
  const { log } = opened;
  process.on('uncaughtException', (err) => void die(opened, err));
  const version = readVersion();

  let asked = false;
  let stop: (() => Promise<void>) | null = null;
  let reloadFiles: (() => Promise<void>) | null = null;
  const onFatal = (err: Error) => {
    log.fatal({ err }, err.message);
    process.exitCode = 1;
    asked = true;
    if (stop) void end(stop, opened);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && (config.appsFile || config.accessFile)) {
        // While it starts the files are fresh; what changes meanwhile is seen anyway.
        log.info({ signal }, 'reading the files anew');
        reloadFiles?.().catch((err: unknown) => die(opened, err));
        return;
      }
      if (asked) {
        void opened.exit(1);
        return;
      }
      asked = true;
      log.info({ signal }, 'stopping');
      // While it starts there is nothing to stop yet: what is begun is seen through first.
      if (stop) void end(stop, opened);
    });
  }
  try {
    const daemon = await startDaemon({ config, version, log, onFatal });
    stop = () => daemon.stop();
    reloadFiles = () => daemon.reloadFiles();
    const { url, metricsUrl } = daemon;
    log.info({ url, ...(metricsUrl && { metricsUrl }), version }, 'listening');
    if (asked) await end(stop, opened);
  } catch (err) {
    await die(opened, err);
  }
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

async function end(stop: () => Promise<void>, opened: Log): Promise<void> {
  try {
    await stop();
  } catch (err) {
    opened.log.error({ err }, 'stopping failed');
    process.exitCode ??= 1;
  }
  await opened.exit(Number(process.exitCode ?? 0));
}

/** An unexpected error: the process ends, with its cause in the log, rather than go on half alive. */
async function die(opened: Log, err: unknown): Promise<void> {
  opened.log.fatal({ err }, err instanceof Error ? err.message : 'unexpected error');
  await opened.exit(1);
}

await main();
