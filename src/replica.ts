import { ConfigError, readConfig } from './config/config.ts';
import { firstSteps, readEnvironment } from './config/environment.ts';
import { cloudWarnings, describeSettings, settingsInForce } from './config/in-force.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { logConsole } from './log/library-warnings.ts';
import { type Log, openLog } from './log/log.ts';
import { printableLines } from './log/printable.ts';
import { isOnPath } from './platform/processes.ts';
import type { StopRequests } from './platform/stop-requests.ts';
import { readVersion } from './platform/version.ts';

/** How deep the causes of a fatal error are named. */
const MOST_CAUSES = 5;

/** Exit codes: 0 stopped as asked, 1 cannot go on, 2 the environment is not usable. */
export async function runReplica(requests: StopRequests): Promise<void> {
  const read = readConfiguration();
  if (!read) return;
  const { config, warnings } = read;
  const opened = openLog(config.logLevel);
  const { log } = opened;
  logConsole(log);
  process.on('uncaughtException', (err) => void die(opened, err));
  // A library may leave a failed Redis command unhandled. That must not end a replica that keeps
  // calls alive.
  process.on('unhandledRejection', (err) => log.error({ err }, 'unhandled failure'));
  const version = readVersion();
  log.info({ version, ...settingsInForce(config) }, `starting: ${describeSettings(config)}`);
  for (const warning of [...warnings, ...cloudWarnings(config)]) log.warn(warning);

  let daemon: Daemon | null = null;
  // A stop during the start waits until the daemon runs.
  const end = () => daemon && void stop(daemon, opened);
  requests.handle({
    stop: (by) => {
      log.info({ by }, 'stopping');
      end();
    },
    hurry: () => void opened.exit(1),
    hangUp: () => {
      const files = [config.appsFile, config.accessFile, config.redisUrlFile];
      if (files.every((file) => file === null)) return requests.stop('SIGHUP');
      // Ignored during the start: the files have just been read.
      log.info({ signal: 'SIGHUP' }, 'reading the files again');
      daemon?.reloadFiles().catch((err: unknown) => die(opened, err));
    },
  });
  const onFatal = (err: Error) => {
    log.fatal({ err }, describeFatal(err));
    process.exitCode = 1;
    requests.stop('a fatal error');
  };
  try {
    daemon = await startDaemon({ config, version, log, onFatal });
    const { url, metricsUrl } = daemon;
    log.info({ url, ...(metricsUrl && { metricsUrl }), version }, 'listening');
    if (requests.asked) end();
  } catch (err) {
    await die(opened, err);
  }
}

function readConfiguration() {
  const { env, faults, warnings } = readEnvironment();
  try {
    return { config: readConfig(env, () => isOnPath('redis-server'), faults), warnings };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = [error.message, ...warnings, firstSteps(env)].filter((line) => line !== null);
    process.stderr.write(`callkeeper: ${printableLines(lines.join('\n'))}\n`);
    process.exitCode = 2;
    return null;
  }
}

async function stop(daemon: Daemon, opened: Log): Promise<void> {
  try {
    await daemon.stop();
  } catch (err) {
    opened.log.error({ err }, 'stopping failed');
    process.exitCode ??= 1;
  }
  await opened.exit(Number(process.exitCode ?? 0));
}

/** After an unexpected error: a process that runs on would be half alive. */
async function die(opened: Log, err: unknown): Promise<void> {
  opened.log.fatal({ err }, describeFatal(err));
  await opened.exit(1);
}

function describeFatal(err: unknown): string {
  const messages: string[] = [];
  for (let at = err; at instanceof Error && messages.length < MOST_CAUSES; at = at.cause) {
    if (!messages.some((message) => message.includes((at as Error).message))) {
      messages.push(at.message);
    }
  }
  const why = messages.length > 0 ? messages.join(': ') : `unexpected error: ${String(err)}`;
  return `${why}. Run \`callkeeper check\``;
}
